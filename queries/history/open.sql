{#- What is open of a rule after some runs, and since when: `before` is what was open before them, `found_1` what the first one found ... -#}
WITH open_0 AS (
  SELECT divergence_id, open_since FROM before
)
{%- for run in runs %},
open_{{ loop.index }} AS (
{%- if run.whole %}
  -- a whole run resolves what it does not find
  SELECT f.divergence_id, coalesce(b.open_since, {{ run.started }}) AS open_since
  FROM found_{{ loop.index }} f
  LEFT JOIN open_{{ loop.index0 }} b ON b.divergence_id = f.divergence_id
{%- else %}
  -- what others did not find may be there all the same
  SELECT coalesce(b.divergence_id, f.divergence_id) AS divergence_id, coalesce(b.open_since, {{ run.started }}) AS open_since
  FROM found_{{ loop.index }} f
  FULL JOIN open_{{ loop.index0 }} b ON b.divergence_id = f.divergence_id
{%- endif %}
)
{%- endfor %}
SELECT divergence_id, open_since FROM open_{{ runs | length }}
