"""Makes the data of this example, with known differences between the three systems.

    python make_data.py          # needs pyarrow; writes data/, the same bytes every time

One month of payments as three systems saw it: the payment service (NDJSON), the bank statement (CSV), and the
ledger (Parquet, double entry). Everything that differs is planted below, by name; README.md lists what must be found.
"""

import csv
import json
import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).parent / "data"
CUSTOMERS = [
    "Ada Lindqvist", "Bruno Keller", "Café Zürich GmbH", "Dagmar Ølsen", "Elif Aydan", "Farah Nasser", "Grace Okafor",
    "Hugo Martín", "Ines Carvalho", "Jan de Vries", "Kaori Tanaka", "Liam O'Brien", "Müller & Söhne KG", "Noor Haddad",
    "Olga Ivanova", "Petra Nováková", "Quentin Dubois", "Rosa Bianchi", "Sven Holm", "Tomás Pereira",
]
METHODS = ["card", "transfer", "direct debit"]
CENT = Decimal("0.01")

# Bank statement against payments.
NOT_ON_STATEMENT = {"P-1017", "P-1058", "P-1099"}
BOOKED_TWICE = {"P-1042"}
CENT_OFF = {"P-1005": CENT, "P-1023": -CENT, "P-1064": CENT, "P-1110": -CENT}  # within the tolerance
OTHER_AT_BANK = {
    "P-1008": {"amount": "98.90"},  # digits swapped: 89.90
    "P-1030": {"payer": "PETRA NOVAK"},
    "P-1071": {"currency": "USD"},
    "P-1085": {"amount": "249,00"},  # a decimal comma: cannot be read
    "P-1103": {"amount": "15.00", "value_date": "2026-03-28"},
}
ONLY_ON_STATEMENT = [
    ["FEE-2026-03", "OUR BANK AG", "12.50", "EUR", "2026-03-31", "Account fee; March 2026"],
    ["P-0998", "SVEN HOLM", "64.00", "EUR", "2026-03-02", "Invoice P-0998"],
]
FIXED_AMOUNT = {"P-1008": Decimal("89.90"), "P-1085": Decimal("249.00"), "P-1103": Decimal("51.00")}

# Ledger against payments, and inside the ledger.
NOT_POSTED = {"P-1120"}
DEBIT_TOO_LOW = {"P-1050": Decimal("5.00")}
CREDIT_TOO_LOW = {"P-1077": Decimal("0.10")}


def payments():
    """120 settled payments, and 8 that never settled and so count nowhere else."""
    random_ = random.Random(20260301)
    start = datetime(2026, 3, 1, 7, 30)
    for n in range(128):
        payment_id = f"P-{1001 + n}"
        booked_at = start + timedelta(minutes=n * 344 + random_.randrange(60))
        row = {
            "payment_id": payment_id,
            "customer": CUSTOMERS[random_.randrange(len(CUSTOMERS))],
            "amount": FIXED_AMOUNT.get(payment_id, Decimal(random_.randrange(500, 90000)) / 100),
            "currency": random_.choice(["EUR", "EUR", "EUR", "GBP"]),
            "method": random_.choice(METHODS),
            "status": "settled" if n < 120 else "pending",
            "booked_at": booked_at,
            "value_date": booked_at.date(),
        }
        if payment_id == "P-1120":  # the only one of its day and currency
            row |= {"currency": "CHF"}
        if payment_id in ("P-1071", "P-1103"):
            row |= {"currency": "EUR"}
        if payment_id == "P-1030":
            row |= {"customer": "Petra Nováková"}
        yield row


def write_payments(rows):
    with open(DATA / "payments.ndjson", "w", encoding="utf-8") as file:
        for row in rows:
            text = row | {
                "amount": f"{row['amount']:.2f}",
                "booked_at": f"{row['booked_at'].isoformat()}Z",
                "value_date": row["value_date"].isoformat(),
            }
            file.write(json.dumps(text, ensure_ascii=False) + "\n")


def write_statement(settled):
    """The bank writes names in capitals and pads some of them; one file a fortnight."""
    lines = []
    for n, row in enumerate(settled):
        payment_id = row["payment_id"]
        if payment_id in NOT_ON_STATEMENT:
            continue
        line = {
            "reference": payment_id,
            "payer": row["customer"].upper() + ("   " if n % 5 == 0 else ""),
            "amount": f"{row['amount'] + CENT_OFF.get(payment_id, 0):.2f}",
            "currency": row["currency"],
            "value_date": row["value_date"].isoformat(),
            "purpose": f"Invoice {payment_id}",
        }
        line = list((line | OTHER_AT_BANK.get(payment_id, {})).values())
        lines += [line, line] if payment_id in BOOKED_TWICE else [line]
    lines = sorted(lines + ONLY_ON_STATEMENT, key=lambda line: (line[4], line[0]))
    (DATA / "bank").mkdir(exist_ok=True)
    for name, part in {
        "2026-03-first.csv": [line for line in lines if line[4] < "2026-03-16"],
        "2026-03-second.csv": [line for line in lines if line[4] >= "2026-03-16"],
    }.items():
        with open(DATA / "bank" / name, "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, delimiter=";", lineterminator="\n")
            out.writerow(["reference", "payer", "amount", "currency", "value_date", "purpose"])
            out.writerows(part)


def write_ledger(settled):
    """Two legs an entry: the bank account is debited, the receivable is credited."""
    legs = []
    for n, row in enumerate(settled):
        payment_id = row["payment_id"]
        if payment_id in NOT_POSTED:
            continue
        common = {
            "entry_id": 500001 + n,
            "payment_id": payment_id,
            "posted_on": row["value_date"],
            "currency": row["currency"],
        }
        debit = row["amount"] - DEBIT_TOO_LOW.get(payment_id, 0)
        credit = row["amount"] - CREDIT_TOO_LOW.get(payment_id, 0)
        legs.append(common | {"leg": 1, "account": "1200 Bank", "debit": debit, "credit": None})
        legs.append(common | {"leg": 2, "account": "1100 Receivables", "debit": None, "credit": credit})
    money = pa.decimal128(12, 2)
    schema = pa.schema([
        ("entry_id", pa.int64()), ("leg", pa.int8()), ("payment_id", pa.string()), ("posted_on", pa.date32()),
        ("account", pa.string()), ("debit", money), ("credit", money), ("currency", pa.string()),
    ])
    pq.write_table(pa.Table.from_pylist(legs, schema=schema), DATA / "ledger.parquet", store_schema=False)


def main():
    DATA.mkdir(exist_ok=True)
    rows = list(payments())
    settled = [row for row in rows if row["status"] == "settled"]
    write_payments(rows)
    write_statement(settled)
    write_ledger(settled)


if __name__ == "__main__":
    main()
