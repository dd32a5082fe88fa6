{#- What a session of PostgreSQL begins with: version, position in the log, the snapshot and the name by which others join it. -#}
SELECT current_setting('server_version_num'),
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
  txid_current_snapshot(), pg_export_snapshot()
