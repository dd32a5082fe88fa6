{#- Those of the candidates whose divergence is among the chosen ones: sorted together, so that neither has to fit into memory. -#}
SELECT ack_id, divergence_id, kind, digest
FROM (
  SELECT *,
    first_value(chosen) OVER (PARTITION BY divergence_id ORDER BY chosen DESC ROWS UNBOUNDED PRECEDING) AS is_chosen
  FROM (
    SELECT ack_id, divergence_id, kind, digest, FALSE AS chosen
    FROM candidates
    UNION ALL
    SELECT CAST(NULL AS VARCHAR) AS ack_id, divergence_id, CAST(NULL AS VARCHAR) AS kind,
      arrow_cast(NULL, 'FixedSizeBinary(16)') AS digest, TRUE AS chosen
    FROM chosen
  ) AS both_sides
) AS marked
WHERE NOT chosen AND is_chosen
