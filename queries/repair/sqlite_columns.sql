{#- The columns of a table, in order: name, declared type, whether NULL is refused, default, place in the primary key, how hidden. -#}
SELECT name, coalesce(type, ''), "notnull", dflt_value, pk, hidden
FROM pragma_table_xinfo({{ table }}, 'main')
ORDER BY cid
