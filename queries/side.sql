{#- One side of a match rule, ready to be compared: read, named as the source names it, filtered, and each column brought
    to the common type. `x` is the column as its side has it; `x#cmp` what is compared; `x#text` a cell that could not be
    read as its type. -#}
SELECT
{%- for column in compared %}
  {{ column.sql }} AS {{ column.name }}{{ "," if not loop.last }}
{%- endfor %}
FROM (
  SELECT
{%- for column in read %}
    {{ column.sql }} AS {{ column.name }}{{ "," if not loop.last }}
{%- endfor %}
  FROM {{ from }}
{%- if side_filter %}
  WHERE {{ side_filter }}
{%- endif %}
) AS {{ side }}
{%- for filter in filters %}
{{ "WHERE" if loop.first else "  AND" }} {{ filter }}
{%- endfor %}
