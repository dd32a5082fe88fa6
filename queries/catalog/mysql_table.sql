{#- What MySQL's catalog knows of a table: which engine keeps it, about how many rows it has, its primary key, and the columns whose own text
    is what all systems write: texts in UTF-8, numbers that are not filled up by zeros. -#}
SELECT table_name, 'engine', engine FROM information_schema.tables
WHERE table_schema = {{ schema }} AND table_name = {{ name }} AND engine IS NOT NULL;
SELECT table_name, 'rows', table_rows FROM information_schema.tables
WHERE table_schema = {{ schema }} AND table_name = {{ name }} AND table_rows IS NOT NULL;
SELECT table_name, 'key', column_name FROM information_schema.statistics
WHERE table_schema = {{ schema }} AND table_name = {{ name }} AND index_name = 'PRIMARY' ORDER BY seq_in_index;
SELECT table_name, 'plain', column_name FROM information_schema.columns
WHERE table_schema = {{ schema }} AND table_name = {{ name }} AND (
  character_set_name = 'utf8mb4'
  OR data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal') AND column_type NOT LIKE '%zerofill%'
)
