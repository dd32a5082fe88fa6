"""Makes the data of the works, once, and knows what was planted in it.

Each maker writes files into its own empty folder and returns facts about them. The folder is kept while the maker's text stays
the same. What is random comes from hashes and seeded generators: the same data everywhere.
"""

import hashlib
import inspect
import json
import multiprocessing
import os
import random
import shutil
import subprocess
from pathlib import Path

from tools import KINDS, VENV

KEY = ["l_orderkey", "l_linenumber"]
PARTS = 100


def made(settings, maker, scale, *others):
    """The folder of a maker's data, and the facts about them. `others` are folders of data that it starts from."""
    folder = settings.data / f"{maker.__name__}-{scale:g}"
    recipe = hashlib.sha256("".join(map(inspect.getsource, [maker, *HELPERS])).encode()).hexdigest()
    facts = folder / "facts.json"
    kept = json.loads(facts.read_text()) if facts.exists() else {}
    if kept.get("recipe") != recipe:
        half = folder.with_suffix(".half")
        for stale in [folder, half]:
            shutil.rmtree(stale, ignore_errors=True)
        half.mkdir(parents=True)
        # In a process of its own: what this one has held would count as the peak of each that it starts.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            kept = pool.apply(maker, [half, scale, *others]) | {"recipe": recipe}
        (half / "facts.json").write_text(json.dumps(kept))
        half.rename(folder)
    return folder, kept


def database(folder):
    """With half of the machine's memory, so that sorting the large tables spills and nothing else of the machine suffers."""
    import duckdb

    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    db = duckdb.connect(config={"temp_directory": str(folder / "spill"), "memory_limit": f"{half >> 20}MiB"})
    db.execute("SET enable_progress_bar = false")
    return db


def planted(mismatched, missing_in_target, missing_in_source):
    return dict(zip(KINDS, [mismatched, missing_in_target, missing_in_source]))


def planted_by_lot(db, rows):
    """Of lots (0 to 999) with their numbers of rows: 0 is only in the source, 1 only in the target, 2 is changed."""
    lots = dict(db.execute(f"SELECT lot, count(*) FROM ({rows}) GROUP BY lot").fetchall())
    total = sum(lots.values())
    facts = {"planted": planted(lots.get(2, 0), lots.get(0, 0), lots.get(1, 0)), "rows": total - lots.get(1, 0)}
    assert all(facts["planted"].values()), "too few rows to plant each kind of divergence"
    return facts


HELPERS = [planted, planted_by_lot]


def lineitem(folder, scale):
    """TPC-H lineitem; the target lacks 0.1 % of the rows, has 0.1 % more and 0.2 % changed, in the same and in another order."""
    subprocess.run(
        [VENV / "tpchgen-cli", "parquet", "-s", str(scale), "--tables=lineitem", f"--output-dir={folder}"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    source = folder / "lineitem.parquet"
    db = database(folder)
    # Order keys come in eights of every 32: key + 8 is free, and stands nearby.
    changed = f"""
        WITH numbered AS (
            SELECT *, hash(l_orderkey, l_linenumber) % 1000 AS lot FROM read_parquet('{source}')
        )
        SELECT * EXCLUDE (lot) REPLACE (
            CASE WHEN lot = 2 THEN l_discount + 0.01 ELSE l_discount END::DECIMAL(15, 2) AS l_discount,
            CASE WHEN lot = 3 THEN l_comment || '.' ELSE l_comment END AS l_comment)
        FROM numbered WHERE lot <> 0
        UNION ALL
        SELECT * EXCLUDE (lot) REPLACE (l_orderkey + 8 AS l_orderkey) FROM numbered WHERE lot = 1
    """
    for name, order in {
        "same_order": "l_orderkey, l_linenumber",
        "other_order": "hash(l_linenumber, l_orderkey)",
    }.items():
        db.execute(f"COPY ({changed} ORDER BY {order}) TO '{folder / name}.parquet' (FORMAT parquet)")
    lots = dict(db.execute(f"""
        SELECT hash(l_orderkey, l_linenumber) % 1000 AS lot, count(*) FROM read_parquet('{source}') GROUP BY 1
    """).fetchall())
    return {"rows": sum(lots.values()), "planted": planted(lots[2] + lots[3], lots[0], lots[1])}


def lineitem_csv(folder, scale, lineitem):
    """The same three tables as CSV."""
    db = database(folder)
    for name in ["lineitem", "same_order", "other_order"]:
        db.execute(f"COPY (FROM read_parquet('{lineitem / name}.parquet')) TO '{folder / name}.csv' (HEADER)")
    return {}


def lineitem_equal(folder, scale, lineitem):
    """The source written again with other row groups and compression, and the source's bytes in a file of their own."""
    source = lineitem / "lineitem.parquet"
    database(folder).execute(f"""
        COPY (FROM read_parquet('{source}')) TO '{folder}/rewritten.parquet'
        (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 40960)
    """)
    shutil.copyfile(source, folder / "copied.parquet")
    return {}


def lineitem_every_row(folder, scale, lineitem):
    """The source with one column changed in each row."""
    database(folder).execute(f"""
        COPY (
            SELECT * REPLACE ((l_extendedprice + 0.01)::DECIMAL(15, 2) AS l_extendedprice)
            FROM read_parquet('{lineitem}/lineitem.parquet')
        ) TO '{folder}/every_row.parquet' (FORMAT parquet)
    """)
    return {}


def lineitem_parts(folder, scale, lineitem):
    """Both sides cut by order key into as many files each; also what is planted in all files but the last."""
    db = database(folder)
    source, target = lineitem / "lineitem.parquet", lineitem / "same_order.parquet"
    # A multiple of 32: rows that are only in the target stay in the part of those they were made from.
    last, = db.execute(f"SELECT max(l_orderkey) FROM read_parquet('{source}')").fetchone()
    step = (last // PARTS // 32 + 1) * 32
    for side, path in {"source": source, "target": target}.items():
        (folder / side).mkdir()
        for part in range(PARTS):
            db.execute(f"""
                COPY (FROM read_parquet('{path}') WHERE l_orderkey >= {part * step} AND l_orderkey < {(part + 1) * step})
                TO '{folder}/{side}/part-{part:03}.parquet' (FORMAT parquet)
            """)
    lots = dict(db.execute(f"""
        SELECT hash(l_orderkey, l_linenumber) % 1000 AS lot, count(*) FROM read_parquet('{source}')
        WHERE l_orderkey < {(PARTS - 1) * step} GROUP BY 1
    """).fetchall())
    lot = [lots.get(n, 0) for n in range(4)]
    files = [path for side in ["source", "target"] for path in (folder / side).iterdir()]
    return {"planted_before": planted(lot[2] + lot[3], lot[0], lot[1]), "bytes": sum(path.stat().st_size for path in files)}


def wide(folder, scale):
    """500 columns: integers, decimals, floats, text and dates in turn; 0.1 % of the rows for each kind of divergence."""
    def column(n):
        noise = f"hash(id, {n})"
        kinds = [
            f"({noise} % 1000000)::INTEGER", f"(({noise} % 10000000)::BIGINT / 100)::DECIMAL(12, 2)",
            f"({noise} % 1000000000)::BIGINT / 7.0", f"'v' || ({noise} % 10000)",
            f"DATE '2020-01-01' + ({noise} % 2000)::INTEGER",
        ]
        return f"{kinds[n % 5]} AS c{n}"

    db = database(folder)
    rows = f"SELECT range AS id, hash(range, 'lot') % 1000 AS lot FROM range({int(200_000 * scale)})"
    table = f"SELECT id, lot, {', '.join(map(column, range(1, 500)))} FROM ({rows})"
    db.execute(f"""
        COPY (SELECT * EXCLUDE (lot) FROM ({table}) WHERE lot <> 1 ORDER BY id)
        TO '{folder}/source.parquet' (FORMAT parquet)
    """)
    db.execute(f"""
        COPY (
            SELECT * EXCLUDE (lot) REPLACE (
                CASE WHEN lot = 2 AND id % 2 = 0 THEN c5 + 1 ELSE c5 END AS c5,
                CASE WHEN lot = 2 AND id % 2 = 1 THEN c498 || '.' ELSE c498 END AS c498)
            FROM ({table}) WHERE lot <> 0 ORDER BY id
        ) TO '{folder}/target.parquet' (FORMAT parquet)
    """)
    return planted_by_lot(db, rows)


def text(folder, scale):
    """Texts of 2 to 8 kB; of those that are changed, one letter in the middle."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 11))) for _ in range(20_000)]
    pool = " ".join(chance.choices(words, k=1_000_000))
    schema = pa.schema({"id": pa.int64(), "title": pa.string(), "body": pa.string()})
    counts = [0, 0, 0]
    total, batch = int(300_000 * scale), 5_000
    source, target = (pq.ParquetWriter(folder / f"{name}.parquet", schema) for name in ["source", "target"])
    with source, target:
        for first in range(0, total, batch):
            rows = {source: [], target: []}
            for number in range(first, min(first + batch, total)):
                size = chance.randint(2_000, 8_000)
                start = chance.randrange(len(pool) - size)
                body, lot = pool[start:start + size], chance.randrange(1000)
                row = {"id": number, "title": body[100:140], "body": body}
                if lot < 3:
                    counts[lot] += 1
                if lot != 1:
                    rows[source].append(row)
                if lot == 2:
                    row = row | {"body": body[:size // 2] + "#" + body[size // 2 + 1:]}
                if lot != 0:
                    rows[target].append(row)
            for writer, some in rows.items():
                writer.write_table(pa.Table.from_pylist(some, schema))
    assert all(counts), "too few rows to plant each kind of divergence"
    return {"rows": total - counts[1], "planted": planted(counts[2], counts[0], counts[1])}


def nested(folder, scale):
    """A list of text, a list of structs and a struct with a struct; changes are deep inside of them."""
    db = database(folder)
    rows = f"SELECT range AS id, hash(range, 'lot') % 1000 AS lot FROM range({int(1_000_000 * scale)})"

    def table(qty, geo):
        return f"""
            SELECT id, lot, 'customer ' || hash(id, 0) % 100000 AS customer,
                [('tag' || hash(id, n) % 500) FOR n IN range((hash(id, 1) % 6)::BIGINT)] AS tags,
                [{{
                    'sku': (hash(id, n, 2) % 100000)::INTEGER, 'qty': (hash(id, n, 3) % 20 + {qty})::INTEGER,
                    'price': ((hash(id, n, 4) % 100000)::BIGINT / 100)::DECIMAL(9, 2)
                }} FOR n IN range((hash(id, 2) % 5 + 1)::BIGINT)] AS items,
                {{
                    'street': 'street ' || hash(id, 5) % 10000, 'city': 'city ' || hash(id, 6) % 300,
                    'geo': {{
                        'lat': (hash(id, 7) % 180000)::BIGINT / 1e3 + {geo}, 'lon': (hash(id, 8) % 360000)::BIGINT / 1e3
                    }}
                }} AS address
            FROM ({rows})
        """

    changed = table("(lot = 2 AND id % 2 = 0)::INTEGER", "(lot = 2 AND id % 2 = 1)::INTEGER")
    for name, some, left_out in [("source", table("0", "0"), 1), ("target", changed, 0)]:
        db.execute(f"""
            COPY (SELECT * EXCLUDE (lot) FROM ({some}) WHERE lot <> {left_out} ORDER BY id)
            TO '{folder}/{name}.parquet' (FORMAT parquet)
        """)
    return planted_by_lot(db, rows)


def tiny(folder, scale):
    """Ten rows a side, one of them changed, as Parquet and as CSV."""
    db = database(folder)
    for name, note in {"source": "'n' || range", "target": "'n' || greatest(range, 1)"}.items():
        for ending, options in {"parquet": "FORMAT parquet", "csv": "FORMAT csv, HEADER"}.items():
            db.execute(f"""
                COPY (SELECT range AS id, range * 1.5 AS amount, {note} AS note FROM range(10))
                TO '{folder}/{name}.{ending}' ({options})
            """)
    return {"rows": 10, "planted": planted(1, 0, 0)}


def orders(folder, scale):
    """TPC-H orders, as Parquet and CSV; in the copy 0.02 % of the rows are changed, missing or added, everywhere."""
    subprocess.run(
        [VENV / "tpchgen-cli", "parquet", "-s", str(scale), "--tables=orders", f"--output-dir={folder}"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    db = database(folder)
    db.execute(f"CREATE TABLE orders AS FROM read_parquet('{folder}/orders.parquet') ORDER BY o_orderkey")
    # Keys come in eights of every 32: key + 8 is free.
    db.execute("""
        CREATE TABLE copy AS WITH numbered AS (SELECT *, hash(o_orderkey) % 20000 AS lot FROM orders)
        SELECT * EXCLUDE (lot) REPLACE (o_totalprice + CASE WHEN lot < 2 THEN 0.01 ELSE 0 END AS o_totalprice)
        FROM numbered WHERE lot <> 2
        UNION ALL SELECT * EXCLUDE (lot) REPLACE (o_orderkey + 8 AS o_orderkey) FROM numbered WHERE lot = 3
    """)
    for name in ["orders", "copy"]:
        db.execute(f"COPY (FROM {name} ORDER BY o_orderkey) TO '{folder / name}.csv' (FORMAT csv, HEADER false)")
    lots = dict(db.execute("SELECT hash(o_orderkey) % 20000 AS lot, count(*) FROM orders GROUP BY 1 HAVING lot < 4").fetchall())
    rows = db.execute("SELECT count(*) FROM orders").fetchone()[0]
    return {"rows": rows, "planted": planted(lots.get(0, 0) + lots.get(1, 0), lots.get(2, 0), lots.get(3, 0))}
