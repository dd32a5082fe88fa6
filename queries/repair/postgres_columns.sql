{#- The columns of a table, in order: name, full type, whether NULL is refused, how it is generated, whether it has a default. Of a domain, the type
    that it is kept as: the domain has its word when a value is stored. -#}
WITH RECURSIVE kept AS (
  SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier, a.attnotnull AS never_null
  FROM pg_attribute AS a
  WHERE a.attrelid = {{ table }}::regclass AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT k.attnum, t.typbasetype, t.typtypmod, k.never_null OR t.typnotnull
  FROM kept AS k
  JOIN pg_type AS t ON t.oid = k.type AND t.typtype = 'd'
)
SELECT a.attname, format_type(k.type, k.modifier), k.never_null::text,
  {{ "a.attgenerated" if generated else "''" }}, a.attidentity, (a.atthasdef OR a.attidentity <> '')::text, a.attnum
FROM kept AS k
JOIN pg_type AS t ON t.oid = k.type AND t.typtype <> 'd'
JOIN pg_attribute AS a ON a.attrelid = {{ table }}::regclass AND a.attnum = k.attnum
ORDER BY a.attnum
