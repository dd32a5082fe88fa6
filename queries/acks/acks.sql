{#- Every acknowledgement of a divergence of one rule, and what became of it: acks.<rule>. The rows of `acks` either give one, or
    end one. -#}
SELECT divergence_id, kind,
  CASE
    WHEN end_reason IS NOT NULL THEN end_reason
    WHEN until <= {{ now }} THEN 'expired'
    ELSE 'in_force'
  END AS state,
  ack_id, at AS acknowledged_at, actor AS acknowledged_by, note, until,
  CASE WHEN end_reason IS NOT NULL THEN end_at WHEN until <= {{ now }} THEN until END AS ended_at,
  end_actor AS ended_by, end_note AS ended_note, end_run AS ended_in, digest
FROM (
  SELECT *,
    lead(ended) OVER life AS end_reason,
    lead(at) OVER life AS end_at,
    lead(actor) OVER life AS end_actor,
    lead(note) OVER life AS end_note,
    lead(run_id) OVER life AS end_run
  FROM acks
  -- the first that ended it
  WINDOW life AS (PARTITION BY ack_id, divergence_id ORDER BY CASE WHEN ended IS NULL THEN 0 ELSE 1 END, at, ended)
) AS lives
WHERE ended IS NULL
