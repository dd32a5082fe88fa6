{#- Triggers and rules that people have made on a table, and that are at work. -#}
SELECT t.tgname FROM pg_trigger AS t
WHERE t.tgrelid = {{ table }}::regclass AND NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION ALL
SELECT r.rulename FROM pg_rewrite AS r
WHERE r.ev_class = {{ table }}::regclass AND r.rulename <> '_RETURN' AND r.ev_enabled <> 'D'
ORDER BY 1
