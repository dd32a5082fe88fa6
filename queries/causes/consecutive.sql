{#- Stretches of whole numbers without a gap among the keys of some divergences, the longest ones. Keys that are less by one for each one
    before them are in one stretch. -#}
SELECT min(number) AS first, max(number) AS last
FROM (
  SELECT number, number - dense_rank() OVER (ORDER BY number) AS stretch
  FROM (
    SELECT CAST({{ key }} AS DECIMAL(20, 0)) AS number
    FROM divergences
    WHERE {{ kind }} AND {{ key }} IS NOT NULL
  ) AS numbers
) AS stretches
GROUP BY stretch
HAVING max(number) - min(number) + 1 >= {{ least }}
ORDER BY count(*) DESC, first
LIMIT {{ limit }}
