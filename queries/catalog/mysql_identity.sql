{#- By what the rows of a table of MariaDB can be told, beside the place in the binary log: the server, the table, and when it was
    last written to. No row where that was not before the snapshot, which was taken less than so many seconds ago; nor where
    rows are not InnoDB's. -#}
SELECT CONCAT_WS(' ', @@hostname, @@port, @@server_id, table_schema, table_name, create_time, COALESCE(update_time, 'unwritten'))
FROM information_schema.tables
WHERE table_schema = {{ schema }} AND table_name = {{ name }} AND table_type = 'BASE TABLE' AND engine = 'InnoDB'
  AND COALESCE(update_time < NOW() - INTERVAL {{ seconds }} SECOND, TRUE)
