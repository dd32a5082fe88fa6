{#- Count and checksum of each segment of a table. `k` is what rows are put into segments by, `row` the text of a row; a digest is
    two times 64 bits of it. The subquery is not merged, so that the text is made once. -#}
SELECT (k - {{ low }}) / {{ step }} AS segment, count(*)
{%- if hash == "lookup3" %},
  sum(hashtextextended(t, 1)), sum(hashtextextended(t, 2))
{%- else %},
  sum(t::bit(64)::bigint), sum((t << 64)::bit(64)::bigint)
{%- endif %}
FROM (
  SELECT {{ k }} AS k, {{ row if hash == "lookup3" else "('x' || md5(" ~ row ~ "))::bit(128)" }} AS t
  FROM {{ from }}
{%- for condition in conditions %}
  {{ "WHERE" if loop.first else "AND" }} ({{ condition }})
{%- endfor %}
  OFFSET 0
) AS digested
GROUP BY 1
