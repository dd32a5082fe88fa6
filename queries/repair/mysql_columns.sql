{#- The columns of a table, in order: name, full type, character set, whether NULL is refused, what else the catalog says of it
    (`auto_increment`, `STORED GENERATED`, `on update current_timestamp()`), default. Of tables whose names differ in case only, one. -#}
SELECT column_name, column_type, character_set_name, is_nullable = 'NO', extra, column_default
FROM information_schema.columns
WHERE table_schema = {{ schema }} AND table_name = {{ name }}
  AND CAST(table_schema AS BINARY) = {{ schema }} AND CAST(table_name AS BINARY) = {{ name }}
ORDER BY ordinal_position
