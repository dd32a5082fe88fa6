{#- Rows with a key: what has no identical twin on the other side, by kind. Names that start with `#` are ours: a column of
    the rule may be called `place` or `twin`. -#}
{%- macro same(columns, a, b, gap=" ") -%}
{%- for c in columns %}({{ a }}.{{ c }} IS NOT DISTINCT FROM {{ b }}.{{ c }}){{ gap ~ "AND " if not loop.last }}{% endfor -%}
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
{%- macro left(a, mine, b, theirs) -%}
  SELECT {{ a }}.* FROM {{ mine }} {{ a }}
  WHERE NOT EXISTS (
    SELECT 1 FROM {{ theirs }} {{ b }}
    WHERE {{ same(all + ['"#twin"'], a, b, "\n      ") }}
  )
{%- endmacro -%}
{%- macro rest(a, mine, here, there) -%}
  SELECT {{ a }}.*, {{ k }}."#in_{{ here }}" AS "#here", {{ k }}."#in_{{ there }}" AS "#there",
    {{ k }}."#in_source" = 1 AND {{ k }}."#in_target" = 1 AS "#single",
{%- if slots %}
    CASE WHEN {{ k }}."#in_source" = 1 AND {{ k }}."#in_target" = 1 THEN NULL ELSE row_digest({{ list(exact, a) }}) END AS "#slot",
{%- endif %}
    row_number() OVER (
      PARTITION BY {{ list(keys, a) }}
{%- if slots %}, row_digest({{ list(exact, a) }}){% elif exact %}, {{ list(exact, a) }}{% endif %}
      ORDER BY {{ list(near, a) if near else a ~ '."#twin"' }}{{ frame }}
    ) AS "#place",
    row_number() OVER (
      PARTITION BY {{ list(keys, a) }}
      ORDER BY {{ list(sorting + ['"#twin"'], a) }}{{ frame }}
    ) AS "#ordinal"
  FROM {{ mine }} {{ a }}
  JOIN key_counts {{ k }}
    ON {{ same(keys, a, k, "\n    ") }}
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
-- how often each key stands on each side
key_counts AS (
  SELECT {{ list(keys) }}, sum("#source") AS "#in_source", sum("#target") AS "#in_target"
  FROM (
    SELECT {{ list(keys) }}, 1 AS "#source", 0 AS "#target" FROM source_rows
    UNION ALL
    SELECT {{ list(keys) }}, 0 AS "#source", 1 AS "#target" FROM target_rows
  ) AS {{ k }}
  GROUP BY {{ list(keys) }}
),
-- identical rows are numbered, so that they pair off one by one
source_twins AS (
  {{ twins("source_rows") }}
),
target_twins AS (
  {{ twins("target_rows") }}
),
-- what is left over once identical rows have paired off
source_left AS (
  {{ left(s, "source_twins", t, "target_twins") }}
),
target_left AS (
  {{ left(t, "target_twins", s, "source_twins") }}
),
-- rows left over of a key that repeats are put in order: those that agree but for a tolerance meet at the same place
source_rest AS (
  {{ rest(s, "source_left", "source", "target") }}
),
target_rest AS (
  {{ rest(t, "target_left", "target", "source") }}
),
-- a key that stands once on each side meets itself; the others only what is equal within the tolerances
joined AS (
  SELECT
    CASE
      WHEN {{ t }}."#twin" IS NULL AND {{ s }}."#there" = 0 THEN 'missing_in_target'
      WHEN {{ s }}."#twin" IS NULL AND {{ t }}."#there" = 0 THEN 'missing_in_source'
      WHEN {{ t }}."#twin" IS NULL OR {{ s }}."#twin" IS NULL THEN 'duplicate_key'
      ELSE {{ "'value_mismatch'" if readable else "'pair'" }}
    END AS kind,
    CASE WHEN {{ t }}."#twin" IS NULL THEN 'source' WHEN {{ s }}."#twin" IS NULL THEN 'target' ELSE 'both' END AS side,
    CASE
      WHEN {{ t }}."#twin" IS NULL AND {{ s }}."#here" > 1 THEN {{ s }}."#ordinal"
      WHEN {{ s }}."#twin" IS NULL AND {{ t }}."#here" > 1 THEN {{ t }}."#ordinal"
      WHEN ({{ s }}."#twin" IS NULL OR {{ t }}."#twin" IS NULL) AND NOT coalesce({{ s }}."#single", {{ t }}."#single")
        AND coalesce({{ s }}."#there", {{ t }}."#there") > 0
      THEN coalesce({{ s }}."#ordinal", {{ t }}."#ordinal")
    END AS {{ '"#ordinal"' if readable else "ordinal" }},
{%- if not readable %}
    coalesce({{ s }}."#here", {{ t }}."#there") AS in_source,
    coalesce({{ s }}."#there", {{ t }}."#here") AS in_target,
{%- endif %}
{%- for field in fields %}
    {{ field.sql | indented(4) }} AS {{ field.name }}{{ "," if not loop.last }}
{%- endfor %}
  FROM source_rest {{ s }}
  FULL OUTER JOIN target_rest {{ t }}
    ON {{ same(keys + ['"#place"', '"#single"'] + slots, s, t, "\n    ") }}
{%- if near %}
    AND (
      {{ s }}."#single"
      OR (
{%- for c in exact %}
        {{ same([c], s, t) }} AND
{%- endfor %}
{%- for column in columns if column.tolerated %}
        {{ column.equal_or_near | indented(8) }}{{ " AND" if not loop.last }}
{%- endfor %}
      )
    )
{%- else %}
    AND {{ s }}."#single"
{%- endif %}
)
{% if readable -%}
-- every row is a divergence
SELECT
  kind,
  side,
{%- for name in shown %}
  {{ name }},
{%- endfor %}
{%- if flagged %}
  CASE WHEN side = 'both' THEN concat_ws(', ',
{%- for column in flagged %}
    CASE WHEN {{ column.flag }} THEN {{ column.label }} END{{ "," if not loop.last }}
{%- endfor %}
  ) END AS changed_columns,
{%- else %}
  CAST(NULL AS VARCHAR) AS changed_columns
{%- endif %}
{%- for name in cells %}
  {{ name }}{{ "," if not loop.last }}
{%- endfor %}
FROM joined
WHERE side <> 'both'
{%- for column in flagged %} OR {{ column.flag }}{% endfor %}
ORDER BY {{ list(order) }}
{%- else -%}
SELECT * FROM joined
{%- endif %}
