{#- The divergences of a rule that are open, as they were last seen: by the last whole run, or by one after it. -#}
{%- if runs | length == 1 -%}
SELECT CAST(NULL AS VARCHAR) AS ack_id, divergence_id, kind, {{ runs[0].sql }} AS digest
FROM {{ runs[0].name }}
{%- else -%}
SELECT CAST(NULL AS VARCHAR) AS ack_id, divergence_id, kind, digest
FROM (
  SELECT *, lead(n) OVER (PARTITION BY divergence_id ORDER BY n) AS next
  FROM (
{%- for run in runs %}
    SELECT {{ loop.index }} AS n, divergence_id, kind, {{ run.sql }} AS digest
    FROM {{ run.name }}
{%- if not loop.last %}
    UNION ALL
{%- endif %}
{%- endfor %}
  ) AS sightings
) AS lives
WHERE next IS NULL
{%- endif %}
