{#- What a table is: its database and name as they are stored, its kind, and the engine that keeps it. -#}
SELECT table_schema, table_name, table_type, engine FROM information_schema.tables
WHERE table_schema = {{ schema }} AND table_name = {{ name }}
