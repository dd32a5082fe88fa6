{#- How many keys stand more than once on a side. -#}
SELECT count(*) AS keys FROM (
  SELECT {{ keys | join(", ") }} FROM (
    SELECT {{ keys | join(", ") }}, 1 AS "#source", 0 AS "#target" FROM source_rows
    UNION ALL
    SELECT {{ keys | join(", ") }}, 0 AS "#source", 1 AS "#target" FROM target_rows
  ) AS k
  GROUP BY {{ keys | join(", ") }}
  HAVING sum("#source") > 1 OR sum("#target") > 1
) AS repeated
