"""Makes the data of this example: three days of orders, as the shop exported them and as the warehouse loaded them.

    python make_data.py FOLDER      # needs pyarrow

Writes FOLDER/shop/orders/DAY.csv.gz and FOLDER/warehouse/orders/day=DAY/part-0.parquet; put both into a bucket. The
planted differences are named below and counted in README.md.
"""

import csv
import gzip
import io
import random
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

DAYS = ["2026-04-01", "2026-04-02", "2026-04-03"]
ORDERS_A_DAY = 300
NOT_LOADED = {"2026-04-02": {10, 11, 12, 13}}
STATUS_STALE = {"2026-04-02": {50, 51}, "2026-04-03": {7}}
CANCELLED_IN_SHOP_ONLY = {"2026-04-03": {299}}  # gone from the shop, still in the warehouse

SCHEMA = pa.schema([
    ("order_id", pa.int64()), ("customer_id", pa.int64()), ("status", pa.string()), ("amount", pa.decimal128(12, 2)),
    ("placed_at", pa.timestamp("us", tz="UTC")),
])


def orders(day, random_):
    start = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
    for n in range(ORDERS_A_DAY):
        yield {
            "order_id": int(day.replace("-", "")) * 1000 + n,
            "customer_id": random_.randrange(1, 500),
            "status": random_.choice(["paid", "paid", "shipped"]),
            "amount": Decimal(random_.randrange(100, 50000)) / 100,
            "placed_at": start + timedelta(seconds=n * 280 + random_.randrange(250)),
        }


def write_shop(folder, day, rows):
    path = folder / "shop" / "orders" / f"{day}.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([*SCHEMA.names, "day"])
    for row in rows:
        at = row["placed_at"].strftime("%Y-%m-%dT%H:%M:%SZ")
        out.writerow([row["order_id"], row["customer_id"], row["status"], f"{row['amount']:.2f}", at, day])
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def write_warehouse(folder, day, rows):
    path = folder / "warehouse" / "orders" / f"day={day}" / "part-0.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)


def main():
    folder = Path(sys.argv[1])
    random_ = random.Random(20260401)
    for day in DAYS:
        rows = list(orders(day, random_))
        gone = CANCELLED_IN_SHOP_ONLY.get(day, set())
        write_shop(folder, day, [row for n, row in enumerate(rows) if n not in gone])
        for n in STATUS_STALE.get(day, set()):
            rows[n] = rows[n] | {"status": "placed"}
        lost = NOT_LOADED.get(day, set())
        write_warehouse(folder, day, [row for n, row in enumerate(rows) if n not in lost])


if __name__ == "__main__":
    main()
