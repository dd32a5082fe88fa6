"""Runs a rule's portable SQL in DuckDB and prints what differs from tieout's divergence table.

Arguments: a JSON of the datasets (name -> how to make it), a file with the statement, the folder of the divergence table.
The first line printed counts the rows by kind, the others say what differs.
"""

import json
import sys
from collections import Counter

import duckdb

datasets, statement, folder = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")


def quoted(name):
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split(".", 1))


for name, how in datasets.items():
    if "." in name:
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name.split('.', 1)[0])}")
    if "sql" in how:
        body = how["sql"]
    elif "parquet" in how:
        body = f"FROM read_parquet('{how['parquet']}')"
    elif "csv" in how:
        # An empty cell is NULL, quoted or not.
        body = (
            f"SELECT nullif(COLUMNS(*), '') FROM read_csv('{how['csv']}', all_varchar = true, header = true, "
            f"delim = '{how.get('delimiter', ',')}')"
        )
    else:
        columns = "{" + ", ".join(f"'{column}': '{kind}'" for column, kind in how["columns"].items()) + "}"
        body = f"FROM read_json('{how['ndjson']}', format = 'newline_delimited', columns = {columns})"
    db.execute(f"CREATE VIEW {quoted(name)} AS {body}")


def rows(sql, columns):
    """Rows as texts: every type as the same engine prints it, so that 1.50 is not 1.5."""
    shown = ", ".join(f'CAST({c} AS VARCHAR)' for c in columns)
    return db.execute(f"SELECT {shown} FROM ({sql})").fetchall()


table = f"FROM read_parquet('{folder}/*.parquet', hive_partitioning = false)"
names = [c[0] for c in db.execute(f"DESCRIBE {table}").fetchall()]
ours = {"run_id", "divergence_id", "changed_columns", "unreadable"}
columns = [f'"{name}"' for name in names if name not in ours]
changed = "array_to_string(changed_columns, ', ')" if "changed_columns" in names else "NULL"
reported = rows(f"SELECT *, {changed} AS changed {table} WHERE kind <> 'schema_mismatch'", columns + ["changed"])
with open(statement, encoding="utf-8") as file:
    sql = file.read()
found_names = [c[0] for c in db.execute(f"DESCRIBE {sql}").fetchall()]
assert found_names == [n for n in names if n not in ours - {"changed_columns"}], (found_names, names)
found = rows(f"SELECT *, changed_columns AS changed FROM ({sql})", columns + ["changed"])

kinds = Counter(row[columns.index('"kind"')] for row in reported)
print(", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
surplus, lacking = Counter(found) - Counter(reported), Counter(reported) - Counter(found)
for title, some in [("only in DuckDB", surplus), ("only in the table", lacking)]:
    for row, count in sorted(some.items(), key=str):
        print(f"{title}, {count}x: {row}")
