{#- What a table is: its kind, how it is named, whether others inherit from it. -#}
SELECT c.relkind, c.oid::regclass::text, c.relrowsecurity::text,
  EXISTS (SELECT 1 FROM pg_inherits AS i WHERE i.inhparent = c.oid)::text
FROM pg_class AS c
WHERE c.oid = {{ table }}::regclass
