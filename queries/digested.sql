{#- The rows of one side with what tells them apart: 64 bits of the key, 128 bits of the whole row. -#}
SELECT {{ "*, " if rows }}key_hash({{ keys | join(", ") }}) AS "#hash", row_digest({{ all | join(", ") }}) AS "#digest"
FROM (
  {{ side_sql | indented(2) }}
) AS compared
{%- if segments %}
WHERE {{ segments }}
{%- endif %}
