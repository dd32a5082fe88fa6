{#- Rows with a key: what has no identical twin on the other side, by kind. -#}
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
-- how often each key stands on each side
key_counts AS (
  SELECT {{ list(keys) }}, sum(in_source) AS in_source, sum(in_target) AS in_target
  FROM (
    SELECT {{ list(keys) }}, 1 AS in_source, 0 AS in_target FROM source_rows
    UNION ALL
    SELECT {{ list(keys) }}, 0 AS in_source, 1 AS in_target FROM target_rows
  ) AS k
  GROUP BY {{ list(keys) }}
),
-- identical rows are numbered, so that they pair off one by one (a frame of ROWS, for not every type can order a range)
source_twins AS (
  SELECT *, row_number() OVER (PARTITION BY {{ list(all) }}{% if tie %} ORDER BY {{ list(tie) }} ROWS UNBOUNDED PRECEDING{% endif %}) AS twin FROM source_rows
),
target_twins AS (
  SELECT *, row_number() OVER (PARTITION BY {{ list(all) }}{% if tie %} ORDER BY {{ list(tie) }} ROWS UNBOUNDED PRECEDING{% endif %}) AS twin FROM target_rows
),
-- what is left over once identical rows have paired off
source_left AS (
  SELECT s.* FROM source_twins s
  WHERE NOT EXISTS (SELECT 1 FROM target_twins t WHERE {{ same(all + ["twin"], "s", "t") }})
),
target_left AS (
  SELECT t.* FROM target_twins t
  WHERE NOT EXISTS (SELECT 1 FROM source_twins s WHERE {{ same(all + ["twin"], "t", "s") }})
),
-- rows left over of a key that repeats are put in order: those that agree but for a tolerance meet at the same place
source_rest AS (
  SELECT s.*, k.in_source AS here, k.in_target AS there, k.in_source = 1 AND k.in_target = 1 AS single,
{%- if slots %}
    CASE WHEN k.in_source = 1 AND k.in_target = 1 THEN 0 ELSE key_hash({{ list(exact, "s") }}) END AS slot,
{%- endif %}
    row_number() OVER (PARTITION BY {{ list(keys + exact, "s") }} ORDER BY {{ list(near, "s") if near else "s.twin" }} ROWS UNBOUNDED PRECEDING) AS place,
    row_number() OVER (PARTITION BY {{ list(keys, "s") }} ORDER BY {{ list(values + ["twin"], "s") }} ROWS UNBOUNDED PRECEDING) AS ordinal
  FROM source_left s JOIN key_counts k ON {{ same(keys, "s", "k") }}
),
target_rest AS (
  SELECT t.*, k.in_target AS here, k.in_source AS there, k.in_source = 1 AND k.in_target = 1 AS single,
{%- if slots %}
    CASE WHEN k.in_source = 1 AND k.in_target = 1 THEN 0 ELSE key_hash({{ list(exact, "t") }}) END AS slot,
{%- endif %}
    row_number() OVER (PARTITION BY {{ list(keys + exact, "t") }} ORDER BY {{ list(near, "t") if near else "t.twin" }} ROWS UNBOUNDED PRECEDING) AS place,
    row_number() OVER (PARTITION BY {{ list(keys, "t") }} ORDER BY {{ list(values + ["twin"], "t") }} ROWS UNBOUNDED PRECEDING) AS ordinal
  FROM target_left t JOIN key_counts k ON {{ same(keys, "t", "k") }}
),
joined AS (
  SELECT
    CASE
      WHEN t.twin IS NULL THEN CASE WHEN s.there = 0 THEN 'missing_in_target' ELSE 'duplicate_key' END
      WHEN s.twin IS NULL THEN CASE WHEN t.there = 0 THEN 'missing_in_source' ELSE 'duplicate_key' END
{%- if readable %}
{%- for column in columns %}
      WHEN {{ column.differs }} THEN 'value_mismatch'
{%- endfor %}
      ELSE 'equal'
{%- else %}
      ELSE 'pair'
{%- endif %}
    END AS kind,
    CASE WHEN t.twin IS NULL THEN 'source' WHEN s.twin IS NULL THEN 'target' ELSE 'both' END AS side,
    CASE
      WHEN t.twin IS NULL AND s.here > 1 THEN s.ordinal
      WHEN s.twin IS NULL AND t.here > 1 THEN t.ordinal
      WHEN (s.twin IS NULL OR t.twin IS NULL) AND NOT coalesce(s.single, t.single) AND coalesce(s.there, t.there) > 0
      THEN coalesce(s.ordinal, t.ordinal)
    END AS ordinal,
{%- for field in fields %}
    {{ field.sql }} AS {{ field.name }}{{ "," if not loop.last }}
{%- endfor %}
  FROM source_rest s FULL OUTER JOIN target_rest t
    ON {{ same(keys + ["place", "single"] + slots, "s", "t") }}
   AND (s.single OR ({% for c in exact %}{{ same([c], "s", "t") }} AND {% endfor %}{% for column in columns if column.tolerated %}{{ column.equal_or_near }} AND {% endfor %}{{ "true" if near else "false" }}))
)
{% if readable -%}
SELECT * FROM joined WHERE kind <> 'equal' ORDER BY {{ list(order) }}
{%- else -%}
SELECT * FROM joined
{%- endif %}
