{#- Rows without a key, as a multiset over all columns: what is left over is missing on the other side. -#}
{%- macro same(columns, a, b) -%}
{%- for c in columns %}({{ a }}.{{ c }} IS NOT DISTINCT FROM {{ b }}.{{ c }}){{ "\n      AND " if not loop.last }}{% endfor -%}
{%- endmacro -%}
{%- macro list(columns, of="") -%}
{%- for c in columns %}{{ of ~ "." if of }}{{ c }}{{ ", " if not loop.last }}{% endfor -%}
{%- endmacro -%}
{%- macro twins(rows) -%}
  SELECT *,
    row_number() OVER (
      PARTITION BY {{ list(identity) }}
{%- if tie %}
      ORDER BY {{ list(tie) }}{{ frame }}
{%- endif %}
    ) AS "#twin"
  FROM {{ rows }}
{%- endmacro -%}
{%- macro missing(kind, side, fields, a, mine, b, theirs) -%}
  SELECT '{{ kind }}' AS kind, '{{ side }}' AS side,
    row_number() OVER (PARTITION BY {{ list(identity, a) }} ORDER BY {{ a }}."#twin") AS {{ '"#ordinal"' if readable else "ordinal" }},
{%- for field in fields %}
    {{ field.sql }} AS {{ field.name }}{{ "," if not loop.last }}
{%- endfor %}
  FROM {{ mine }} {{ a }}
  WHERE NOT EXISTS (
    SELECT 1 FROM {{ theirs }} {{ b }}
    WHERE {{ same(all + ['"#twin"'], a, b) }}
  )
{%- endmacro -%}
WITH
{%- if readable %}
-- the rows of both sides, ready to be compared
source_rows AS (
  {{ source_sql | indented(2) }}
),
target_rows AS (
  {{ target_sql | indented(2) }}
),
{%- endif %}
-- identical rows are numbered, so that they pair off one by one
source_twins AS (
  {{ twins("source_rows") }}
),
target_twins AS (
  {{ twins("target_rows") }}
),
-- what is left over once identical rows have paired off
joined AS (
  {{ missing("missing_in_target", "source", source_fields, s, "source_twins", t, "target_twins") }}
  UNION ALL
  {{ missing("missing_in_source", "target", target_fields, t, "target_twins", s, "source_twins") }}
)
{% if readable -%}
-- every row is a divergence
SELECT
  kind,
  side,
{%- for name in shown %}
  {{ name }},
{%- endfor %}
  CAST(NULL AS VARCHAR) AS changed_columns
FROM joined
ORDER BY {{ list(order) }}
{%- else -%}
SELECT * FROM joined
{%- endif %}
