{#- The tables that a reader of MySQL may have meant. -#}
SELECT table_schema = DATABASE(), table_schema, table_name FROM information_schema.tables
WHERE table_schema = {{ schema }} OR table_name = {{ name }} LIMIT {{ limit }}
