{#- Count and checksum of each segment of a table. `k` is what rows are put into segments by, `row` the text of a row; a digest is
    two times 64 bits of its MD5. -#}
SELECT ({{ k }} - {{ low }}) DIV {{ step }} AS segment, COUNT(*),
  SUM(CAST(CONV(SUBSTRING(MD5({{ row }}), 1, 16), 16, 10) AS UNSIGNED)),
  SUM(CAST(CONV(SUBSTRING(MD5({{ row }}), 17), 16, 10) AS UNSIGNED))
FROM {{ from }}
{%- for condition in conditions %}
{{ "WHERE" if loop.first else "AND" }} ({{ condition }})
{%- endfor %}
GROUP BY segment
