"""The works: one function each, which makes its data, lets the tools take turns, and sets the goals.

A work takes `Settings` and gives sections of the report. `WORKS` names them, in the order in which they run.
"""

import json
import os
import shutil
import sys

import data
from database_server import mariadb, postgres
from object_server import object_server
from report import Line, Section
from tools import (
    KINDS, VENV, Pair, checksum, command, compara, decode, duckdb, read_objects, reladiff, take_turns, tieout, tieout_has,
)

NOTHING = dict.fromkeys(KINDS, 0)
GIB = 1024  # MiB
BOUNDED = ("--memory", "1GiB")


def lineitem(settings, scale=None):
    return data.made(settings, data.lineitem, scale or settings.scale)


def side_by_side(folder, facts, key=("id",)):
    return Pair(f"{folder}/source.parquet", f"{folder}/target.parquet", list(key), facts["planted"])


def orders(folder, facts, ending="parquet", reader="read_parquet({})", sides=None):
    """The two pairs of lineitem: its target in the order of the source, and in another."""
    for order in ["same", "other"]:
        source, target = (f"{sides or folder}/{name}.{ending}" for name in ["lineitem", f"{order}_order"])
        yield order, Pair(source, target, data.KEY, facts["planted"], reader)


def peers(settings, pair):
    tools = {"tieout": tieout(settings, pair), "DuckDB": duckdb(settings, pair)}
    if (VENV / "compara").exists():
        tools["compara"] = compara(settings, pair)
    else:
        print("compara is not measured: scripts/setup-tests --benches installs it", file=sys.stderr)
    return tools


def decode_goal(rounds):
    """A strategy that reads each row once must stay nearer to the limit than one that reads suspects again."""
    return {"digest": 1.6}.get(rounds.measured["tieout"][0].strategy, 1.35)


def against_peers(work, rounds):
    paired = rounds.paired
    return [
        Line(work, "time, of DuckDB's", paired("tieout", "DuckDB"), 0.6),
        Line(work, "time, of compara's", paired("tieout", "compara"), 0.6),
        Line(work, "peak memory, of DuckDB's", paired("tieout", "DuckDB", "peak_mib"), 0.4),
        Line(work, "peak memory, of compara's", paired("tieout", "compara", "peak_mib"), 0.4),
        Line(work, "time, of decoding both sides", paired("tieout", "decoding"), decode_goal(rounds)),
    ]


def bounded_memory(work, rounds, tool):
    return Line(work, "peak under --memory 1GiB", [peak / GIB for peak in rounds.each(tool, "peak_mib")], 1.5, "GiB")


def parquet(settings):
    folder, facts = lineitem(settings)
    for order, pair in orders(folder, facts):
        work = f"lineitem, {order} order"
        rounds = take_turns(settings, peers(settings, pair) | {"decoding": decode(settings, pair)})
        yield Section(work, f"{facts['rows']:,} rows of 16 columns a side, Parquet", rounds, against_peers(work, rounds))


def large(settings):
    """Ten times the rows: the same goals, growth, and a bound on memory."""
    scale = settings.scale * 10
    small = dict(orders(*lineitem(settings)))
    folder, facts = lineitem(settings, scale)
    for order, pair in orders(folder, facts):
        work = f"lineitem x 10, {order} order"
        tools = peers(settings, pair) | {
            "tieout, 1 GiB": tieout(settings, pair, *BOUNDED),
            "decoding": decode(settings, pair),
            "tieout, a tenth": tieout(settings, small[order]),
        }
        rounds = take_turns(settings, tools, settings.large_runs, may_fail=("compara", "DuckDB"))
        yield Section(work, f"{facts['rows']:,} rows of 16 columns a side, Parquet", rounds, [
            *against_peers(work, rounds),
            Line(work, "time under --memory 1GiB, of DuckDB's without", rounds.paired("tieout, 1 GiB", "DuckDB"), 0.8),
            bounded_memory(work, rounds, "tieout, 1 GiB"),
            Line(work, "time, of that for a tenth of the rows", rounds.paired("tieout", "tieout, a tenth"), 10.5),
        ])


def equal(settings):
    source, facts = lineitem(settings)
    others, _ = data.made(settings, data.lineitem_equal, settings.scale, source)
    for work, target, goal, about in [
        ("equal sides", "rewritten", 1.15, "lineitem, and the same rows with other row groups and compression"),
        ("identical files", "copied", 0.15, "lineitem, and a copy of its bytes"),
    ]:
        pair = Pair(f"{source}/lineitem.parquet", f"{others}/{target}.parquet", data.KEY, NOTHING)
        rounds = take_turns(settings, {"tieout": tieout(settings, pair), "checksums": checksum(settings, pair)})
        line = Line(work, "time, of both sides' checksums", rounds.paired("tieout", "checksums"), goal)
        yield Section(work, f"{facts['rows']:,} rows: {about}", rounds, [line])


def every_row(settings):
    work = "every row differs"
    source, facts = lineitem(settings)
    changed, _ = data.made(settings, data.lineitem_every_row, settings.scale, source)
    pair = Pair(
        f"{source}/lineitem.parquet", f"{changed}/every_row.parquet", data.KEY, NOTHING | {"value_mismatch": facts["rows"]},
    )
    rounds = take_turns(settings, {
        "tieout, 1 GiB": tieout(settings, pair, *BOUNDED), "DuckDB": duckdb(settings, pair),
    })
    yield Section(work, f"{facts['rows']:,} rows of lineitem, one column changed in each; --memory 1GiB", rounds, [
        Line(work, "time, of DuckDB's", rounds.paired("tieout, 1 GiB", "DuckDB"), 1.5),
        bounded_memory(work, rounds, "tieout, 1 GiB"),
    ])


def csv(settings):
    source, facts = lineitem(settings)
    folder, _ = data.made(settings, data.lineitem_csv, settings.scale, source)
    # DuckDB finds out the types; told that all is text, it takes a little longer.
    for order, pair in orders(source, facts, "csv", "read_csv({})", folder):
        work = f"CSV, {order} order"
        rounds = take_turns(settings, peers(settings, pair))
        yield Section(work, f"{facts['rows']:,} rows of lineitem a side, of whose columns no types are given", rounds, [
            Line(work, "time, of DuckDB's", rounds.paired("tieout", "DuckDB"), 0.25),
            Line(work, "time, of compara's", rounds.paired("tieout", "compara"), 1.0),
        ])


def shape(work, maker, about):
    """A work on a table of an unusual shape, against DuckDB."""

    def measure(settings):
        folder, facts = data.made(settings, maker, settings.scale)
        pair = side_by_side(folder, facts)
        rounds = take_turns(settings, {"tieout": tieout(settings, pair), "DuckDB": duckdb(settings, pair)})
        yield Section(work, f"{facts['rows']:,} rows a side, Parquet: {about}", rounds, [
            Line(work, "time, of DuckDB's", rounds.paired("tieout", "DuckDB"), 0.8),
        ])

    return measure


def cache(settings):
    work = "second run with --cache"
    about = f"lineitem in {data.PARTS} files a side, of which the first run saw all but one a side"
    if not tieout_has(settings, "--cache"):
        print("cache is not measured: this tieout has no --cache", file=sys.stderr)
        return
    source, facts = lineitem(settings)
    folder, parts = data.made(settings, data.lineitem_parts, settings.scale, source)
    live = settings.scratch / "live"
    sides = {side: live / side for side in ["source", "target"]}
    kept = live / "cache"

    def run(planted, arrive):
        def once(scratch):
            arrive()
            pair = Pair(str(sides["source"]), str(sides["target"]), data.KEY, planted)
            return tieout(settings, pair, "--cache", kept)(scratch)

        return once

    def all_but_one():
        shutil.rmtree(live, ignore_errors=True)
        for side, there in sides.items():
            there.mkdir(parents=True)
            for path in sorted((folder / side).iterdir())[:-1]:
                os.link(path, there / path.name)

    def the_last():
        for side, there in sides.items():
            path = max((folder / side).iterdir())
            os.link(path, there / path.name)

    rounds = take_turns(settings, {
        "tieout, first": run(parts["planted_before"], all_but_one),
        "tieout, second": run(facts["planted"], the_last),
    })
    shutil.rmtree(live)
    yield Section(work, about, rounds, [
        Line(work, "time, of the first run's", rounds.paired("tieout, second", "tieout, first"), 0.1),
    ])


def tiny(settings):
    folder, facts = data.made(settings, data.tiny, 1)
    for ending in ["parquet", "csv"]:
        work = f"ten rows, {ending}"
        pair = Pair(f"{folder}/source.{ending}", f"{folder}/target.{ending}", ["id"], facts["planted"])
        rounds = take_turns(settings, {"tieout": tieout(settings, pair)})
        milliseconds = [seconds * 1000 for seconds in rounds.each("tieout", "seconds")]
        yield Section(work, "10 rows a side, one of them changed", rounds, [Line(work, "time", milliseconds, 50, "ms")])


def s3(settings):
    work = "S3"
    source, facts = lineitem(settings)
    folder, parts = data.made(settings, data.lineitem_parts, settings.scale, source)
    httpfs = sorted((VENV.parent / "duckdb-s3").glob("duckdb_extension_httpfs/extensions/*/httpfs.duckdb_extension"))
    with object_server(settings.scratch) as server:
        names = [str(path.relative_to(folder)) for side in ["source", "target"] for path in sorted((folder / side).iterdir())]
        for name in names:
            server.put(name, folder / name)
        pair = Pair("s3://bench/source/", "s3://bench/target/", data.KEY, facts["planted"])
        on_disk = Pair(str(folder / "source"), str(folder / "target"), data.KEY, facts["planted"])
        tools = {
            "tieout": tieout(settings, pair, "--option", "format=parquet", env=server.env()),
            "reading bytes": read_objects([server.url(name) for name in names], parts["bytes"]),
            "tieout, on disk": tieout(settings, on_disk),
        }
        if httpfs:
            globs = Pair(f"{pair.source}*.parquet", f"{pair.target}*.parquet", pair.key, pair.planted)
            setup = [f"LOAD '{httpfs[-1]}'", server.duckdb_secret()]
            tools["DuckDB"] = duckdb(settings, globs, setup=setup, packages=str(VENV.parent / "duckdb-s3"))
        rounds = take_turns(settings, tools)
    # Where DuckDB can be had, it is the peer; where not, nothing is left but the bytes.
    lines = [
        Line(work, "time, of reading the bytes", rounds.paired("tieout", "reading bytes"), None if httpfs else 1.2),
        Line(work, "time, of the same files on disk", rounds.paired("tieout", "tieout, on disk")),
    ]
    if httpfs:
        lines.insert(0, Line(work, "time, of DuckDB's", rounds.paired("tieout", "DuckDB"), 0.6))
        notes = [f"DuckDB is {httpfs[-1].parent.name} here, the last whose httpfs is packaged"]
    else:
        notes = ["DuckDB is not measured: scripts/setup-tests --benches installs a version with httpfs"]
    about = f"{facts['rows']:,} rows of lineitem a side, in {data.PARTS} objects, on a server on this machine"
    yield Section(work, about, rounds, lines, notes)


MD5 = """SELECT sum(('x' || substr(md5(concat(o_orderkey, '|', o_custkey, '|', o_orderstatus, '|', o_totalprice, '|', o_orderdate, '|',
    o_orderpriority, '|', o_clerk, '|', o_shippriority, '|', o_comment)), 1, 16))::bit(64)::bigint) FROM {}"""
MD5_OF_MYSQL = """SELECT sum(CAST(CONV(SUBSTRING(MD5(CONCAT_WS('|', o_orderkey, o_custkey, o_orderstatus, o_totalprice, o_orderdate,
    o_orderpriority, o_clerk, o_shippriority, o_comment)), 1, 15), 16, 10) AS UNSIGNED)) FROM orders"""
ORDERS = """(o_orderkey bigint PRIMARY KEY, o_custkey bigint NOT NULL, o_orderstatus varchar(1) NOT NULL,
    o_totalprice decimal(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority varchar(15) NOT NULL, o_clerk varchar(15) NOT NULL,
    o_shippriority int NOT NULL, o_comment varchar(79) NOT NULL)"""


def databases(settings):
    folder, facts = data.made(settings, data.orders, settings.scale)
    about = f"{facts['rows']:,} orders of 9 columns a side"
    with postgres(settings.scratch) as first, postgres(settings.scratch) as second, mariadb(settings.scratch) as third:
        for server, names in [(first, ["orders"]), (second, ["orders", "copy"])]:
            for name in names:
                server.sql(f"CREATE TABLE {name} {ORDERS};\n\\copy {name} FROM '{folder}/{name}.csv' (FORMAT csv)\n")
                server.sql(f"VACUUM ANALYZE {name}")
        # As Debian's own configuration, which these private instances do without, has it.
        third.sql(f"CREATE TABLE orders {ORDERS} CHARACTER SET utf8mb4")
        third.sql(f"LOAD DATA LOCAL INFILE '{folder}/orders.csv' INTO TABLE orders FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'")
        third.sql("ANALYZE TABLE orders")
        source = f"{first.url}?table=orders"

        def of(server, table="orders"):
            return server.url.replace("postgres://", "postgresql://"), table

        for work, table, planted, goal in [
            ("PostgreSQL, equal", "orders", NOTHING, 0.6),
            ("PostgreSQL, 0.02 % differ", "copy", facts["planted"], 0.2),
        ]:
            pair = Pair(source, f"{second.url}?table={table}", ["o_orderkey"], planted)
            rounds = take_turns(settings, {
                "tieout": tieout(settings, pair), "reladiff": reladiff(pair, planted, source=of(first), target=of(second, table)),
            })
            yield Section(work, about, rounds, [Line(work, "time, of reladiff's", rounds.paired("tieout", "reladiff"), goal)])

        # The slower side's pass, without sending anything.
        passes = {
            "md5, PostgreSQL": command("psql", [*first.psql, "-c", "SET max_parallel_workers_per_gather = 0", "-c", MD5.format("orders")]),
            "md5, MariaDB": command("mariadb", [*third.client, "bench", "-e", MD5_OF_MYSQL]),
        }
        for work, target, sides in [
            ("PostgreSQL against Parquet", f"{folder}/orders.parquet", ["md5, PostgreSQL"]),
            ("PostgreSQL against MariaDB", f"{third.url}?table=orders", ["md5, PostgreSQL", "md5, MariaDB"]),
        ]:
            pair = Pair(source, target, ["o_orderkey"], NOTHING)
            rounds = take_turns(settings, {"tieout": tieout(settings, pair)} | {side: passes[side] for side in sides})
            slower = max(rounds.measured.keys() & set(sides), key=lambda side: rounds.median(side, "seconds"), default=sides[0])
            yield Section(work, about, rounds, [Line(work, "time, of the slower side's md5 pass", rounds.paired("tieout", slower), 1.3)])

        work = "scan of PostgreSQL"
        (settings.scratch / "tieout.yaml").write_text(json.dumps({"datasets": {"o": {"postgres": {"url": first.url, "table": "orders"}}}}))
        words = [settings.tieout, "sql", "SELECT * FROM o WHERE random() > 2", "--project", settings.scratch, "--threads", settings.threads]
        rounds = take_turns(settings, {
            "tieout": command("tieout sql", words),
            "COPY": command("psql", [*first.psql, "-o", "/dev/null", "-c", "COPY orders TO STDOUT (FORMAT binary)"]),
        })
        yield Section(work, about, rounds, [Line(work, "time, of a binary COPY's", rounds.paired("tieout", "COPY"), 2.0)])


WORKS = {
    "parquet": parquet,
    "equal": equal,
    "every": every_row,
    "csv": csv,
    "wide": shape("500 columns", data.wide, "500 columns, 0.3 % of the rows diverge"),
    "text": shape("long text", data.text, "texts of 2 to 8 kB, 0.3 % of the rows diverge"),
    "nested": shape("nested", data.nested, "lists and structs, 0.3 % of the rows diverge"),
    "cache": cache,
    "tiny": tiny,
    "s3": s3,
    "databases": databases,
    "large": large,
}
# Takes a machine with much memory and time: only when asked for.
ASKED_FOR = ["large"]
