{#- Triggers on a table. Who lacks the right to see them sees none. -#}
SELECT trigger_name FROM information_schema.triggers
WHERE event_object_schema = {{ schema }} AND event_object_table = {{ name }}
  AND CAST(event_object_table AS BINARY) = {{ name }}
ORDER BY 1
