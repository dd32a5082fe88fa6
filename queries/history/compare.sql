{#- The divergences of one rule in two runs: which stand in one of them only, and what changed of those in both. -#}
SELECT
  count(*) FILTER (WHERE in_first AND next IS NULL) AS only_in_first,
  count(*) FILTER (WHERE NOT in_first AND previous IS NULL) AS only_in_second,
  count(previous) AS in_both,
  count(*) FILTER (WHERE kind_changed) AS kind_changed,
  count(*) FILTER (WHERE values_changed) AS values_changed,
  count(*) FILTER (WHERE kind_changed OR values_changed) AS changed
FROM (
  SELECT run_id = {{ first }} AS in_first,
    lag(run_id) OVER both_runs AS previous,
    lead(run_id) OVER both_runs AS next,
    coalesce(kind <> lag(kind) OVER both_runs, FALSE) AS kind_changed,
    coalesce(digest <> lag(digest) OVER both_runs, FALSE) AS values_changed
  FROM (
    SELECT run_id, divergence_id, kind, {% if values %}row_digest({{ values | join(", ") }}){% else %}0{% endif %} AS digest
    FROM divergences
  ) AS digested
  WINDOW both_runs AS (PARTITION BY divergence_id ORDER BY CASE WHEN run_id = {{ first }} THEN 1 ELSE 2 END)
) AS seen
