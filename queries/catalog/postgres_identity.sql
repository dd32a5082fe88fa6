{#- By what the rows of a table of PostgreSQL can be told: the server since it started, its timeline, the database, the table, how money is
    read, and which transactions this snapshot sees; and whether all of them are on disk by now, also those that did not wait for it, so that a
    crash does not give their numbers to others.
    No row where that does not decide the rows: tables of the server's own or of other servers, tables that a crash empties, views, rows that
    are shown to some only; and on a replica, whose snapshots do not tell all that they see. -#}
WITH RECURSIVE parts(oid) AS (
  SELECT {{ table }}::regclass::oid
  UNION SELECT i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT concat_ws(' ', s.system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
  extract(epoch FROM pg_postmaster_start_time()), d.oid, {{ table }}::regclass::oid, current_setting('lc_monetary'),
  txid_current_snapshot()),
  clock_timestamp() - now() >= 3 * current_setting('wal_writer_delay')::interval + interval '0.5 s'
FROM pg_control_system() AS s, pg_database AS d
WHERE d.datname = current_database() AND NOT pg_is_in_recovery()
  AND NOT EXISTS (
    SELECT FROM parts p JOIN pg_class r ON r.oid = p.oid
    WHERE r.relkind NOT IN ('r', 'p', 'm') OR r.relpersistence <> 'p' OR r.relrowsecurity OR r.oid < 16384
      OR r.relam NOT IN (0, (SELECT a.oid FROM pg_am a WHERE a.amname = 'heap'))
  )
