{#- Every divergence that a rule ever had, once: what became of it, and all its columns as they were last seen. -#}
SELECT divergence_id, kind,
  CASE
    WHEN "{{ mark }}next_whole" IS NOT NULL THEN 'resolved'
    WHEN "{{ mark }}previous" IS NULL THEN 'new'
    WHEN "{{ mark }}whole_after_previous" < "{{ mark }}n" THEN 'reopened'
    ELSE 'persisting'
  END AS state,
  "{{ mark }}first_seen" AS first_seen,
  "{{ mark }}seen" AS last_seen,
  CASE WHEN "{{ mark }}next_whole" IS NULL THEN "{{ mark }}open_since" END AS open_since,
  "{{ mark }}runs_seen" AS runs_seen,
  "{{ mark }}changed" AS values_changed
{%- for column in columns %},
  {{ column.sql }}{% if column.sql != column.name %} AS {{ column.name }}{% endif %}
{%- endfor %}
FROM sightings
WHERE "{{ mark }}next" IS NULL{% if base %} AND NOT "{{ mark }}expired"{% endif %}
