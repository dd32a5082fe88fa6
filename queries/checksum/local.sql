{#- What rows are put into segments by, and their digests, as a database computes them. -#}
SELECT {{ k }} AS "#k", segment_digest('{{ hash }}', '{{ forms }}', {{ all | join(", ") }}) AS "#digest"
FROM (
  {{ side_sql | indented(2) }}
) AS compared
