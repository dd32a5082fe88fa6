"""Compares two tables in DuckDB: a full outer join on the key, every divergent row with both sides' values to Parquet.

Run as a process of its own, with what to do as JSON; prints the seconds of the query, and the counts by kind.
"""

import json
import sys
import time

spec = json.loads(sys.argv[1])
if spec["packages"]:
    sys.path.insert(0, spec["packages"])

import duckdb  # noqa: E402

db = duckdb.connect(config={"threads": spec["threads"], "temp_directory": spec["spill"]})
# It would be drawn into what this prints.
db.execute("SET enable_progress_bar = false")
for statement in spec["setup"]:
    db.execute(statement)

start = time.perf_counter()
key = spec["key"]
columns = [row[0] for row in db.execute(f"DESCRIBE FROM {spec['source']}").fetchall()]
values = [column for column in columns if column not in key]
on = " AND ".join(f's."{c}" = t."{c}"' for c in key)
differs = " OR ".join(f's."{c}" IS DISTINCT FROM t."{c}"' for c in values)
pairs = ", ".join(f's."{c}" AS "source_{c}", t."{c}" AS "target_{c}"' for c in values)
keys = ", ".join(f'coalesce(s."{c}", t."{c}") AS "{c}"' for c in key)
db.execute(f"""
    COPY (
        SELECT CASE WHEN t."{key[0]}" IS NULL THEN 'missing_in_target' WHEN s."{key[0]}" IS NULL THEN 'missing_in_source'
                    ELSE 'value_mismatch' END AS kind, {keys}, {pairs}
        FROM {spec['source']} s FULL OUTER JOIN {spec['target']} t ON {on}
        WHERE s."{key[0]}" IS NULL OR t."{key[0]}" IS NULL OR {differs}
    ) TO '{spec['out']}' (FORMAT parquet)
""")
seconds = time.perf_counter() - start
counts = dict(db.execute(f"SELECT kind, count(*) FROM read_parquet('{spec['out']}') GROUP BY 1").fetchall())
print(json.dumps({"seconds": seconds, "counts": counts}))
