{#- The unique indexes of a table, the primary key first: name, column (none of an expression), and whether it is the whole
    column, in order. One by hash finds no rows. -#}
SELECT index_name, column_name, sub_part IS NULL
FROM information_schema.statistics
WHERE table_schema = {{ schema }} AND table_name = {{ name }}
  AND CAST(table_schema AS BINARY) = {{ schema }} AND CAST(table_name AS BINARY) = {{ name }}
  AND non_unique = 0 AND index_type <> 'HASH'
ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index
