{#- Rows without a key, as a multiset over all columns: what is left over is missing on the other side. -#}
{%- macro same(columns, a, b) -%}
{%- for c in columns %}({{ a }}.{{ c }} IS NOT DISTINCT FROM {{ b }}.{{ c }}){{ " AND " if not loop.last }}{% endfor -%}
{%- endmacro -%}
{%- macro list(columns, of="") -%}
{%- for c in columns %}{{ of ~ "." if of }}{{ c }}{{ ", " if not loop.last }}{% endfor -%}
{%- endmacro -%}
WITH
{%- if readable %}
source_rows AS (
{{ source_sql }}
),
target_rows AS (
{{ target_sql }}
),
{%- endif %}
-- identical rows are numbered, so that they pair off one by one
source_twins AS (
  SELECT *, row_number() OVER (PARTITION BY {{ list(all) }}{% if tie %} ORDER BY {{ list(tie) }} ROWS UNBOUNDED PRECEDING{% endif %}) AS twin FROM source_rows
),
target_twins AS (
  SELECT *, row_number() OVER (PARTITION BY {{ list(all) }}{% if tie %} ORDER BY {{ list(tie) }} ROWS UNBOUNDED PRECEDING{% endif %}) AS twin FROM target_rows
),
joined AS (
  SELECT 'missing_in_target' AS kind, 'source' AS side,
    row_number() OVER (PARTITION BY {{ list(all, "s") }} ORDER BY s.twin ROWS UNBOUNDED PRECEDING) AS ordinal,
{%- for field in source_fields %}
    {{ field.sql }} AS {{ field.name }}{{ "," if not loop.last }}
{%- endfor %}
  FROM source_twins s
  WHERE NOT EXISTS (SELECT 1 FROM target_twins t WHERE {{ same(all + ["twin"], "s", "t") }})
  UNION ALL
  SELECT 'missing_in_source' AS kind, 'target' AS side,
    row_number() OVER (PARTITION BY {{ list(all, "t") }} ORDER BY t.twin ROWS UNBOUNDED PRECEDING) AS ordinal,
{%- for field in target_fields %}
    {{ field.sql }} AS {{ field.name }}{{ "," if not loop.last }}
{%- endfor %}
  FROM target_twins t
  WHERE NOT EXISTS (SELECT 1 FROM source_twins s WHERE {{ same(all + ["twin"], "t", "s") }})
)
SELECT * FROM joined{% if readable %} ORDER BY {{ list(order) }}{% endif %}
