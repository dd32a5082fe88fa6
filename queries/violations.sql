{#- What a sql rule returned, with a number for rows that their key does not identify. -#}
SELECT *,
{%- if keyed %}
  CASE WHEN count(*) OVER (PARTITION BY {{ keys | join(", ") }}) > 1
    THEN row_number() OVER (PARTITION BY {{ keys | join(", ") }} ORDER BY {{ all | join(", ") }} ROWS UNBOUNDED PRECEDING) END AS "#ordinal"
{%- else %}
  row_number() OVER (PARTITION BY {{ all | join(", ") }}) AS "#ordinal"
{%- endif %}
FROM violations
