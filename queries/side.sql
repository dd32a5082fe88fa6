{#- One side of a match rule, ready to be compared: read, named as the source names it, filtered, and each column brought
    to the common type. `x` is the column as its side has it; `x#cmp` what is compared; `x#text` a cell that could not be
    read as its type. -#}
{%- macro item(column, indent) -%}
{{ column.sql | indented(indent) }}{% if column.sql != column.name %} AS {{ column.name }}{% endif %}
{%- endmacro -%}
SELECT
{%- for column in compared %}
  {{ item(column, 2) }}{{ "," if not loop.last }}
{%- endfor %}
FROM (
  SELECT
{%- for column in read %}
    {{ item(column, 4) }}{{ "," if not loop.last }}
{%- endfor %}
  FROM {{ from | indented(2) }}
{%- if side_filter %}
  WHERE {{ side_filter }}
{%- endif %}
) AS {{ side }}
{%- for filter in filters %}
{{ "WHERE" if loop.first else "  AND" }} {{ filter }}
{%- endfor %}
