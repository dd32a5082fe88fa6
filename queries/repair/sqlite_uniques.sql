{#- The unique indexes of a table over all of its rows, column by column: name, where from, number of the column (negative: an expression). -#}
SELECT l.name, l.origin, x.cid
FROM pragma_index_list({{ table }}, 'main') AS l, pragma_index_xinfo(l.name, 'main') AS x
WHERE l."unique" = 1 AND l.partial = 0 AND x.key = 1
ORDER BY l.seq, x.seqno
