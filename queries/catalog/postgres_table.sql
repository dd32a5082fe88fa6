{#- What PostgreSQL's catalog knows of a table: about how many rows and how many pages it has, its primary key, which columns
    cannot be NULL. Of rows of tables that inherit, a table promises nothing, nor of rows of another server; and since version 18 a
    constraint may hold for new rows only. `probe` is a hash that shows how the server
    computes it. -#}
{%- macro names(from, order) -%}
(SELECT json_agg(a.attname ORDER BY {{ order }}) FROM {{ from }} AND (c.relkind <> 'r' OR NOT c.relhassubclass))
{%- endmacro -%}
SELECT facts.*, {{ probe }}, current_setting('server_encoding')
FROM (
{%- if table %}
  SELECT c.reltuples::bigint, c.relkind, pg_relation_size(c.oid) / current_setting('block_size')::bigint,
    {{ names("pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(num, n), pg_attribute a WHERE i.indrelid = c.oid "
      ~ "AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.num", "k.n") }},
    {{ names("pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attnotnull AND c.relkind <> 'f' "
      ~ "AND current_setting('server_version_num')::int < 180000", "1") }}
  FROM pg_class c WHERE c.oid = {{ table }}::regclass
{%- else %}
  SELECT NULL::bigint, NULL::text, NULL::bigint, NULL::text, NULL::text
{%- endif %}
) AS facts
