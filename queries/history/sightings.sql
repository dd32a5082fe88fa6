{#- Every sighting of every divergence of a rule, with its place in the divergence's life. Names that start with the mark are
    ours: a column of the rule may be called `n`. -#}
WITH numbered AS (
  -- the rule's runs, in their order
  SELECT run_id, started_at, outcome <> 'inconclusive' AND stopped_by IS NULL AS whole,
    row_number() OVER (ORDER BY started_at, run_id) AS n
  FROM runs
  WHERE rule = {{ rule }}
),
ordered AS (
  -- only a whole run resolves what it did not find: the first one after each run
  SELECT run_id, started_at, n,
    min(CASE WHEN whole THEN n END) OVER (ORDER BY n ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_whole
  FROM numbered
),
digested AS (
  -- what is sorted for the windows below is a digest, not all values
  SELECT *, {% if values %}row_digest({{ values | join(", ") }}){% else %}0{% endif %} AS "{{ mark }}digest"
  FROM divergences
),
seen AS (
  SELECT d.*,
    r.n AS "{{ mark }}n",
    r.started_at AS "{{ mark }}seen",
    r.next_whole AS "{{ mark }}next_whole"{% if base %},
    FALSE AS "{{ mark }}expired"
{%- endif %}
  FROM ordered r
  JOIN digested d ON d.run_id = r.run_id
{%- if base %}
  UNION ALL
  -- of tables that are expired: what was open after the last of them
  SELECT {% for column in all %}{% if column == '"divergence_id"' %}b.divergence_id{% else %}NULL AS {{ column }}{% endif %}, {% endfor %}NULL,
    r.n, b.open_since, r.next_whole, TRUE
  FROM (SELECT n, next_whole FROM ordered WHERE run_id = {{ base }}) r
  CROSS JOIN base b
{%- endif %}
),
lived AS (
  SELECT *,
    lag("{{ mark }}n") OVER life AS "{{ mark }}previous",
    lag("{{ mark }}next_whole") OVER life AS "{{ mark }}whole_after_previous",
    lead("{{ mark }}n") OVER life AS "{{ mark }}next",
    first_value("{{ mark }}seen") OVER life AS "{{ mark }}first_seen",
    count(*) OVER life AS "{{ mark }}runs_seen",
    coalesce("{{ mark }}digest" <> lag("{{ mark }}digest") OVER life, FALSE) AS "{{ mark }}changed"
  FROM seen
  WINDOW life AS (PARTITION BY divergence_id ORDER BY "{{ mark }}n" ROWS UNBOUNDED PRECEDING)
)
SELECT *,
  -- it has been open since the last sighting that was new, or came after a whole run without it
  max(CASE WHEN "{{ mark }}previous" IS NULL OR "{{ mark }}whole_after_previous" < "{{ mark }}n" THEN "{{ mark }}seen" END)
    OVER (PARTITION BY divergence_id ORDER BY "{{ mark }}n" ROWS UNBOUNDED PRECEDING) AS "{{ mark }}open_since"
FROM lived
