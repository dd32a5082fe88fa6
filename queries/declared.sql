{#- A dataset whose text columns are read as the types that `columns:` declares; `x#raw` keeps the text. -#}
(
    SELECT
{%- for column in columns %}
      {{ column.sql }} AS {{ column.name }}{{ "," if not loop.last }}
{%- endfor %}
    FROM {{ from }}
  ) AS declared
