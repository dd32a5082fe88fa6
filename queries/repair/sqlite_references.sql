{#- Foreign keys that refer to a table, column by column: of which table, number, columns on both ends, what they do. -#}
SELECT t.name, f.id, f."from", f."to", f.on_update, f.on_delete
FROM main.sqlite_schema AS t, pragma_foreign_key_list(t.name) AS f
WHERE t.type = 'table' AND f."table" = {{ table }} COLLATE NOCASE
ORDER BY t.name, f.id, f.seq
