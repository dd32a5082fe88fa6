{#- The longest stretch of a column in which some divergences stand alone: at its places, and between them, no other divergence of their
    side does. Where the count of places with others stays the same, none came in between. -#}
WITH places AS (
  SELECT {{ column }} AS place, count(*) FILTER (WHERE NOT {{ kind }}) AS others
  FROM divergences
  WHERE ({{ kind }} OR {{ others }}) AND {{ column }} IS NOT NULL
  GROUP BY {{ column }}
),
counted AS (
  SELECT place, others > 0 AS mixed, sum(CASE WHEN others > 0 THEN 1 ELSE 0 END) OVER (ORDER BY place) AS mixed_before
  FROM places
),
stretches AS (
  SELECT min(place) FILTER (WHERE NOT mixed) AS first, max(place) FILTER (WHERE NOT mixed) AS last,
    count(*) FILTER (WHERE NOT mixed) AS length,
    count(*) FILTER (WHERE mixed) AS breaks
  FROM counted
  GROUP BY mixed_before
)
SELECT first, last, length, sum(length) OVER () AS alone, sum(breaks) OVER () AS mixed
FROM stretches
ORDER BY length DESC, first
LIMIT 1
