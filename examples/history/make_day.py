"""One night of a price list and its copy in a web shop: writes data/erp.csv and data/shop.csv as they are on day N.

    python3 make_day.py N [FOLDER]

Every day is made from its number alone, so thirty of them are the same thirty each time. Needs nothing but Python.
"""

import csv
import random
import sys
from datetime import date, timedelta
from pathlib import Path

PRODUCTS = 600
SUPPLIERS = ["Aldgate Tools", "Bergström & Co", "Casa Lume", "Dovetail Joinery", "Éclat Paris", "Fjord Outdoor"]
CATEGORIES = ["garden", "kitchen", "lighting", "storage", "tools", "travel"]
WORDS = ["folding", "oak", "brass", "compact", "weatherproof", "double", "linen", "steel", "ceramic", "adjustable"]
THINGS = ["chair", "lamp", "toolbox", "bench", "vase", "rack", "lantern", "trolley", "shelf", "kettle"]


def product(n):
    """What never changes of a product."""
    chance = random.Random(f"product {n}")
    name = " ".join([*chance.sample(WORDS, 3), chance.choice(THINGS)])
    return {
        "sku": f"P-{n:05}",
        "name": name.capitalize(),
        "supplier": chance.choice(SUPPLIERS),
        "category": CATEGORIES[n * len(CATEGORIES) // PRODUCTS],
        "base": chance.randrange(500, 25_000),
    }


def erp(day):
    """The price list itself: each night some prices change, and all stock does."""
    for n in range(PRODUCTS + 2 * day):
        row = product(n % PRODUCTS) | {"sku": f"P-{n:05}"}
        cents = row.pop("base")
        changed = 0
        for night in range(1, day + 1):
            chance = random.Random(f"price {n} {night}")
            if chance.random() < 0.03:
                cents = round(cents * chance.uniform(0.94, 1.08))
                changed = night
        yield row | {
            "price": f"{cents / 100:.2f}",
            "stock": random.Random(f"stock {n} {day}").randrange(0, 400),
            "updated": date(2026, 9, 1) + timedelta(days=changed),
        }


def shop(day):
    """The shop's copy, and what goes wrong with it."""
    before = {row["sku"]: row for row in erp(day - 1)} if day > 1 else {}
    for row in erp(day):
        chance = random.Random(f"shop {row['sku']} {day}")
        # Always: a few products are a night late. How many is another number each night.
        late = random.Random(f"late {day}").uniform(0.001, 0.012)
        if chance.random() < late and row["sku"] in before:
            row = dict(before[row["sku"]])
        # Day 7: a release drops the cents of one supplier's prices. It is mended on day 14, and comes back with the rollback of day 21.
        if row["supplier"] == "Casa Lume" and (7 <= day < 14 or day >= 21):
            row["price"] = row["price"].split(".")[0] + ".00"
        # Day 17: names are cut at 24 characters in whatever is written anew. On day 27 it is mended, but not everywhere.
        if 17 <= day and (day < 27 or row["category"] in ("tools", "travel")) and row["updated"] > date(2026, 9, 17):
            row["name"] = row["name"][:24]
        # Day 11, for two nights: a part of the upload fails.
        if 11 <= day < 13 and 220 <= int(row["sku"][2:]) < 262:
            continue
        # New products come a night late, and one was never delisted.
        if int(row["sku"][2:]) >= PRODUCTS + 2 * (day - 1):
            continue
        yield row
    if day >= 4:
        yield product(77) | {"sku": "P-77-OLD", "price": "19.90", "stock": 0, "updated": date(2026, 9, 4)}


def main():
    day = int(sys.argv[1])
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent / "data")
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["sku", "name", "supplier", "category", "price", "stock", "updated"]
    for name, rows in [("erp", erp(day)), ("shop", shop(day))]:
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
