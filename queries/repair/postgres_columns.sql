{#- The columns of a table, in order: name, full type, whether NULL is refused, how it is generated, whether it has a default. -#}
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
  {{ "a.attgenerated" if generated else "''" }}, a.attidentity, (a.atthasdef OR a.attidentity <> '')::text, a.attnum
FROM pg_attribute AS a
WHERE a.attrelid = {{ table }}::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
