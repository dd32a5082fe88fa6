{#- What a run found of a rule (`found`), against what was acknowledged of it (`acks`): which acknowledgements count, one for each
    divergence, and which have ended. What differs in anything from what was acknowledged has ended. All windows are over one order,
    so that everything is sorted once. -#}
WITH both_sides AS (
  SELECT TRUE AS is_found, CAST(NULL AS VARCHAR) AS ack_id, 0 AS place, FALSE AS expired,
    divergence_id, kind, {{ digest }} AS digest
  FROM found
  UNION ALL
  SELECT FALSE AS is_found, ack_id, CASE WHEN ended IS NULL THEN 0 ELSE 1 END AS place,
    coalesce(until <= {{ started }}, FALSE) AS expired, divergence_id, kind, digest
  FROM acks
),
met AS (
  -- the row that was found stands first; then each acknowledgement, and behind it what has ended it before
  SELECT *,
    first_value(is_found) OVER life AS there,
    first_value(kind) OVER life AS kind_there,
    first_value(digest) OVER life AS digest_there,
    coalesce(lead(ack_id) OVER life = ack_id, FALSE) AS is_over
  FROM both_sides
  WINDOW life AS (PARTITION BY divergence_id ORDER BY is_found DESC, ack_id, place ROWS UNBOUNDED PRECEDING)
),
judged AS (
  SELECT *,
    CASE
      WHEN expired THEN 'expired'
      WHEN there AND (kind <> kind_there OR digest <> digest_there) THEN 'changed'
{%- if whole %}
      -- only who looked at everything knows that it is gone
      WHEN NOT there THEN 'resolved'
{%- endif %}
    END AS ended,
    there AND NOT expired AND kind = kind_there AND digest = digest_there AS counts
  FROM met
  WHERE NOT is_found AND place = 0 AND NOT is_over
)
SELECT ack_id, divergence_id, kind, digest, ended
FROM (
  SELECT *,
    sum(CASE WHEN counts THEN 1 ELSE 0 END) OVER (
      PARTITION BY divergence_id ORDER BY is_found DESC, ack_id, place ROWS UNBOUNDED PRECEDING
    ) AS nth
  FROM judged
) AS numbered
-- of several for one divergence, the first
WHERE ended IS NOT NULL OR (counts AND nth = 1)
