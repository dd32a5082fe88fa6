//! `--memory`: past it a run gets slower, it is not killed, and finds the same.
//!
//! By default tables of a hundred thousand rows against a small limit. The size that the promise is made for, with
//! some minutes and 10 GB of disk to spare, on an optimised build:
//!
//!     TIEOUT_TEST_ROWS=20000000 TIEOUT_TEST_MEMORY=512MiB TIEOUT_TEST_RSS_MIB=1024 cargo test --release --test all memory

use serde_json::Value;

use crate::support::python;
use crate::support::tieout::Tieout;

const ROWS: u64 = 100_000;

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_string())
}

fn rows() -> u64 {
    setting("TIEOUT_TEST_ROWS", &ROWS.to_string()).parse().unwrap()
}

/// Two tables of 16 columns in different orders; every `changed`-th row differs in one column.
fn tables(tieout: &Tieout, changed: u64) {
    let make = r#"
        import duckdb, sys
        folder, rows, changed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        db = duckdb.connect(config={"threads": 2, "memory_limit": "4GB", "temp_directory": folder})
        columns = """
            id, id * 7 AS i1, (id * 31) % 1000003 AS i2, (id % 100000)::DECIMAL(15, 2) AS d1, (id / 100)::DECIMAL(15, 2) AS d2,
            (id % 977)::DECIMAL(15, 2) AS d3, id * 0.25::DOUBLE AS f1, (id % 2) = 0 AS b1,
            DATE '1992-01-01' + (id % 2500)::INTEGER AS day, TIMESTAMP '2020-01-01' + INTERVAL (id) SECOND AS at,
            'customer ' || id AS t1, md5(id::VARCHAR) AS t2, 'status ' || (id % 5) AS t3, 'a remark of some length, number ' || (id * 13) AS t4,
            CASE WHEN id % 10 = 0 THEN NULL ELSE id % 77 END AS n1, {last} AS n2"""
        source = columns.format(last="id % 1013")
        target = columns.format(last=f"CASE WHEN id % {changed} = 0 THEN -1 ELSE id % 1013 END")
        # Fewer rows a group: what decoding holds is not what the engine holds.
        write = "(FORMAT parquet, ROW_GROUP_SIZE 100000)"
        db.execute(f"COPY (SELECT {source} FROM range({rows}) t(id)) TO '{folder}/source.parquet' {write}")
        db.execute(f"COPY (SELECT {target} FROM (SELECT {rows} - 1 - id AS id FROM range({rows}) t(id))) TO '{folder}/target.parquet' {write}")
    "#;
    python::run(make, [tieout.dir().to_str().unwrap(), &rows().to_string(), &changed.to_string()]);
}

/// Runs the comparison; the summary, and the peak of resident memory in MiB.
fn measured(tieout: &Tieout, memory: &str, more: &[&str]) -> (Value, f64) {
    let script = r#"
        import json, os, subprocess, sys, tempfile
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(sys.argv[1:], stdout=out)
            _, status, usage = os.wait4(process.pid, 0)
            out.seek(0)
            assert os.waitstatus_to_exitcode(status) == 1, out.read().decode()
            print(json.dumps([json.loads(out.read()), usage.ru_maxrss / 1024]))
    "#;
    let path = |name: &str| tieout.path(name).to_str().unwrap().to_string();
    let mut args: Vec<String> =
        vec![env!("CARGO_BIN_EXE_tieout").into(), "diff".into(), path("source.parquet"), path("target.parquet")];
    args.extend(["--key", "id", "--format", "json", "-q", "--threads", "2", "--memory", memory].map(String::from));
    args.extend(["--out".into(), path("out")]);
    args.extend(more.iter().map(|arg| arg.to_string()));
    let (summary, peak): (Value, f64) = serde_json::from_str(&python::run(script, &args)).unwrap();
    (summary["rules"][0].clone(), peak)
}

fn limit_mib() -> f64 {
    setting("TIEOUT_TEST_RSS_MIB", "450").parse().unwrap()
}

#[test]
fn a_few_differences_in_a_large_table() {
    let tieout = Tieout::new();
    tables(&tieout, 1000);
    let (rule, peak) = measured(&tieout, &setting("TIEOUT_TEST_MEMORY", "16MiB"), &[]);
    let expected = rows().div_ceil(1000);
    assert_eq!(rule["rows"]["value_mismatch"], expected, "{rule}");
    assert_eq!(rule["rows"]["equal"], rows() - expected);
    assert!(peak < limit_mib(), "{peak} MiB resident");
}

#[test]
fn every_row_differs() {
    let tieout = Tieout::new();
    tables(&tieout, 1);
    let (rule, peak) = measured(&tieout, &setting("TIEOUT_TEST_MEMORY", "16MiB"), &[]);
    assert_eq!(rule["rows"]["value_mismatch"], rows(), "{rule}");
    assert_eq!(
        rule["columns"].as_array().unwrap().iter().find(|c| c["column"] == "n2").unwrap()["value_mismatch"],
        rows()
    );
    assert!(peak < limit_mib(), "{peak} MiB resident");
}
