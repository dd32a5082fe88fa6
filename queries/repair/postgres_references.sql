{#- Foreign keys that refer to a table: of which table, their name, what they do, and the numbers of the columns on both ends. -#}
SELECT f.conrelid::regclass::text, f.conname, (f.confdeltype NOT IN ('a', 'r'))::text,
  (f.confupdtype NOT IN ('a', 'r'))::text, array_to_string(f.conkey, ','), array_to_string(f.confkey, ','),
  (f.conrelid = f.confrelid)::text
FROM pg_constraint AS f
WHERE f.contype = 'f' AND f.confrelid = {{ table }}::regclass
ORDER BY 1, 2
