-- The tables that a reader of SQLite may have meant.
SELECT name FROM main.sqlite_schema
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite^_%' ESCAPE '^'
ORDER BY name
