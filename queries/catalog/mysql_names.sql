{#- The tables that a reader of MySQL may have meant, those of the database of the URL first and without its name. -#}
SELECT IF(table_schema = DATABASE(), table_name, CONCAT(table_schema, '.', table_name)) FROM information_schema.tables
WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')
ORDER BY table_schema <> DATABASE() LIMIT {{ limit }}
