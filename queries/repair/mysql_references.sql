{#- Foreign keys that refer to a table, a row for each column: the table that refers and its key, what it does when a row goes or
    changes, the columns on both ends, and whether it is the table itself. -#}
SELECT CONCAT_WS('.', NULLIF(k.table_schema, k.referenced_table_schema), k.table_name), k.constraint_name,
  r.delete_rule, r.update_rule, k.column_name, k.referenced_column_name,
  CAST(k.table_schema AS BINARY) = {{ schema }} AND CAST(k.table_name AS BINARY) = {{ name }}
FROM information_schema.key_column_usage AS k
JOIN information_schema.referential_constraints AS r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.referenced_table_schema = {{ schema }} AND k.referenced_table_name = {{ name }}
ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position
