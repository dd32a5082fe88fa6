{#- One side of a totals rule: its aggregates by group. A match rule over these rows follows. -#}
(
  SELECT
{%- for group in groups %}
    {{ group.sql }} AS {{ group.name }},
{%- endfor %}
{%- for total in totals %}
    {{ total.sql }} AS {{ total.name }}{{ "," if not loop.last }}
{%- endfor %}
  FROM (
    SELECT
{%- for column in columns %}
      {{ column.sql }}{% if column.sql != column.name %} AS {{ column.name }}{% endif %}{{ "," if not loop.last }}
{%- endfor %}
    FROM {{ from | indented(4) }}
{%- if side_filter %}
    WHERE {{ side_filter }}
{%- endif %}
  ) AS {{ side }}
{%- for filter in filters %}
  {{ "WHERE" if loop.first else "  AND" }} {{ filter }}
{%- endfor %}
{%- if grouped %}
  GROUP BY {% for group in groups %}{{ group.sql }}{{ ", " if not loop.last }}{% endfor %}
{%- endif %}
) AS {{ side }}_totals
