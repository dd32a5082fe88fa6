{#- Count and checksum of each segment of a table. `k` is what rows are put into segments by, `row` the text of a row; a digest is
    two times 64 bits of its MD5. MariaDB computes that once a row, and keeps it in a variable: the comments are code to MariaDB
    alone. Of one row in 4096 it is computed again, to show that expressions are evaluated in the order they are written in. (A column may be called as an alias is, and comes first.) -#}
SELECT ({{ k }} - {{ low }}) DIV {{ step }} AS segment, COUNT(*),
  SUM(CAST(CONV(SUBSTRING(/*M! @tieout := */ MD5({{ row }}), 1, 16), 16, 10) AS UNSIGNED)),
  SUM(CAST(CONV(SUBSTRING(/*M! COALESCE(@tieout, */ MD5({{ row }}) /*M! ) */, 17), 16, 10) AS UNSIGNED)),
  MAX(0 /*M! OR @tieout < '001' AND @tieout <> MD5({{ row }}) */)
FROM {{ from }}
{%- for condition in conditions %}
{{ "WHERE" if loop.first else "AND" }} ({{ condition }})
{%- endfor %}
GROUP BY 1 ORDER BY NULL
