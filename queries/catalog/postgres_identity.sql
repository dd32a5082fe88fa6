{#- By what the rows of a table of PostgreSQL can be told: the server and its history, the database, the table, and which transactions
    this snapshot sees. No row where that does not decide them: tables of other servers, tables that a crash empties, views,
    rows that are shown to some only; and on a replica, whose snapshots do not tell all that they see. -#}
WITH RECURSIVE parts(oid) AS (
  SELECT {{ table }}::regclass::oid
  UNION SELECT i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT concat_ws(' ', s.system_identifier, c.timeline_id, d.oid, {{ table }}::regclass::oid, txid_current_snapshot())
FROM pg_control_system() AS s, pg_control_checkpoint() AS c, pg_database AS d
WHERE d.datname = current_database() AND NOT pg_is_in_recovery() AND NOT EXISTS (
  SELECT FROM parts p JOIN pg_class r ON r.oid = p.oid
  WHERE r.relkind NOT IN ('r', 'p', 'm') OR r.relpersistence <> 'p' OR r.relrowsecurity
)
