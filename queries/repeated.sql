{#- How many keys stand more than once on a side. -#}
SELECT count(*) AS keys FROM (
  SELECT {{ keys | join(", ") }} FROM (
    SELECT {{ keys | join(", ") }}, 1 AS "#in_source", 0 AS "#in_target" FROM source_rows
    UNION ALL
    SELECT {{ keys | join(", ") }}, 0 AS "#in_source", 1 AS "#in_target" FROM target_rows
  ) AS k
  GROUP BY {{ keys | join(", ") }}
  HAVING sum("#in_source") > 1 OR sum("#in_target") > 1
) AS repeated
