{#- A dataset whose text columns are read as the types that `columns:` declares; `x#raw` keeps the text. -#}
(
  SELECT
{%- for column in columns %}
    {{ column.sql | indented(4) }}{% if column.sql != column.name %} AS {{ column.name }}{% endif %}{{ "," if not loop.last }}
{%- endfor %}
  FROM {{ from }}
) AS declared
