{#- What MySQL's catalog knows of a table: about how many rows it has, and its primary key. -#}
SELECT table_name, 'rows', table_rows FROM information_schema.tables
WHERE table_schema = {{ schema }} AND table_name = {{ name }} AND table_rows IS NOT NULL;
SELECT table_name, 'key', column_name FROM information_schema.statistics
WHERE table_schema = {{ schema }} AND table_name = {{ name }} AND index_name = 'PRIMARY' ORDER BY seq_in_index
