"""Two SQLite files in the folder that is named: a shop's orders, and a copy that went wrong here and there."""

import pathlib
import sqlite3
import sys

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
TABLE = """CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY, customer TEXT NOT NULL, iban TEXT, amount DECIMAL(12, 2) NOT NULL, placed_at DATETIME)"""


def rows():
    for n in range(1, 501):
        yield (n, f"customer {n % 40}", f"DE{n % 40:020}", n * 2.5, f"2026-03-{n % 28 + 1:02} {n % 24:02}:00:00")


for name in ("shop.db", "copy.db"):
    file = folder / name
    file.unlink(missing_ok=True)
    database = sqlite3.connect(file)
    database.execute(TABLE)
    database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows())
    if name == "copy.db":
        database.execute("UPDATE orders SET amount = amount + 10 WHERE order_id % 100 = 7")
        database.execute("DELETE FROM orders WHERE order_id IN (41, 42)")
        database.execute("UPDATE orders SET iban = 'DE99' WHERE order_id = 300")
        database.execute("INSERT INTO orders VALUES (9001, 'test', NULL, 1, '2026-04-01 00:00:00')")
    database.commit()
    database.close()
