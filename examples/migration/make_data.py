#!/usr/bin/env python3
"""Makes lake/orders.parquet: the shop's orders after a migration in which some things went wrong.

    python make_data.py [FOLDER]
"""

import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

LOST = {17, 1204, 3333, 4999}  # the last page of three batches, and the very last order but one
ROUNDED = {250, 251, 252}  # cents went through an integer
ONE_HOUR_OFF = {2000, 2001}  # read as local time in winter
STALE = {777}  # a status that changed during the copy
EMPTY = {100, 105}  # a missing note became an empty one, and a note was cut

SCHEMA = pa.schema([
    ("order_id", pa.int64()),
    ("customer", pa.string()),
    ("amount", pa.decimal128(14, 4)),
    ("currency", pa.string()),
    ("placed_at", pa.timestamp("us", tz="UTC")),
    ("shipped", pa.date32()),
    ("status", pa.string()),
    ("note", pa.string()),
])


def order(i):
    """The i-th order as the shop has it: shop.sql says the same."""
    return {
        "order_id": 1000 + i,
        "customer": f"C-{i * 37 % 400:04}",
        "amount": Decimal(i * 7919 % 100000) / 100,
        "currency": ["EUR", "USD", "GBP"][i % 3],
        "placed_at": datetime(2026, 3, 1, tzinfo=timezone.utc) + i * timedelta(minutes=7),
        "shipped": date(2026, 3, 2) + timedelta(days=i // 200) if i % 10 else None,
        "status": ["placed", "paid", "shipped", "returned"][i % 4],
        "note": None if i % 5 else f"leave it at no. {i % 90}",
    }


def migrated(i):
    row = order(i)
    if i in ROUNDED:
        row["amount"] = Decimal(int(row["amount"]))
    if i in ONE_HOUR_OFF:
        row["placed_at"] += timedelta(hours=1)
    if i in STALE:
        row["status"] = "placed"
    if i in EMPTY:
        row["note"] = (row["note"] or "")[:10]
    return row


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "lake"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [migrated(i) for i in range(1, 5001) if i not in LOST]
    # An order that was deleted in the shop while its page was on the way.
    rows.append(order(5001))
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "orders.parquet")


if __name__ == "__main__":
    main()
