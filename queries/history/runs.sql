{#- How many divergences each run found, by what they were then, and which run resolved them, if one did. -#}
SELECT n, state, resolved_by, count(*) AS divergences
FROM (
  SELECT CAST("{{ mark }}n" AS BIGINT) AS n,
    CASE
{%- if base %}
      WHEN "{{ mark }}expired" THEN 'expired'
{%- endif %}
      WHEN "{{ mark }}previous" IS NULL THEN 'new'
      WHEN "{{ mark }}whole_after_previous" < "{{ mark }}n" THEN 'reopened'
      ELSE 'persisting'
    END AS state,
    -- what the next whole run finds again, it does not resolve
    CASE WHEN "{{ mark }}next" IS NULL OR "{{ mark }}next" > "{{ mark }}next_whole" THEN CAST("{{ mark }}next_whole" AS BIGINT) END AS resolved_by
  FROM sightings
) AS found
GROUP BY n, state, resolved_by
