{#- How many seconds this replica of PostgreSQL is behind, or the replicas of this server. -#}
SELECT coalesce(
  CASE WHEN pg_is_in_recovery() THEN
    CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
      ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END
  ELSE (SELECT extract(epoch FROM max(replay_lag)) FROM pg_stat_replication) END,
  0
)
