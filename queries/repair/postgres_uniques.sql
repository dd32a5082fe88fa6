{#- The unique indexes of a table over plain columns and all of its rows, the primary key first: name, numbers of the columns. -#}
SELECT i.indexrelid::regclass::text, i.indisprimary::text, (NOT i.indimmediate)::text,
  (SELECT string_agg(k.num::text, ',' ORDER BY k.place)
   FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (num, place)
   WHERE k.place <= {{ "i.indnkeyatts" if included else "i.indnatts" }})
FROM pg_index AS i
WHERE i.indrelid = {{ table }}::regclass AND i.indisunique AND i.indisvalid AND i.indisready
  AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indisprimary DESC, 1
