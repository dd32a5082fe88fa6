//! Runs that are killed or interrupted, and inputs that change under a run's hands.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::{results, said};
use crate::support::data;
use crate::support::tieout::{Finished, Tieout};

/// `lines` compares two CSV files; `slow` never ends in a test's time, and runs before.
fn project(rows: u64) -> Tieout {
    let tieout = Tieout::new();
    tieout.file(
        "tieout.yaml",
        "\
datasets:
  a: {csv: {path: a.csv}}
  b: {csv: {path: b.csv}}
rules:
  lines: {source: a, target: b, key: [id]}
",
    );
    tieout.file(
        "queries/a_slow.sql",
        "SELECT x.value AS n FROM generate_series(1, 1000000) AS x CROSS JOIN generate_series(1, 1000000) AS y
         WHERE x.value + y.value < 0\n",
    );
    let csv = |step: u64| (0..rows).fold("id,name\n".to_string(), |csv, n| csv + &format!("{},name {n}\n", n * step));
    fs::write(tieout.path("a.csv"), csv(2)).unwrap();
    fs::write(tieout.path("b.csv"), csv(3)).unwrap();
    tieout
}

fn start(tieout: &Tieout, args: &[&str]) -> Child {
    tieout.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// Until the run has opened its output: it listens for signals then.
fn wait_for(tieout: &Tieout, file: &str) {
    let start = Instant::now();
    while !tieout.path(file).exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "{file} never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn ended(child: Child) -> Finished {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn an_interrupt_leaves_nothing() {
    let tieout = project(10);
    let before = results(tieout.dir());
    for name in ["INT", "TERM"] {
        let child = start(&tieout, &["run", "a_slow", "--format", "json"]);
        wait_for(&tieout, "out/ledger/000000000002.json");
        let asked = Instant::now();
        signal(&child, name);
        let ended = ended(child).exits(130);
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
        assert_eq!(ended.stderr, "interrupted\n");
        assert_eq!(ended.json()["error"]["kind"], "interrupted");
        assert_eq!(results(tieout.dir()), before, "after {name}");
        let told = fs::read_to_string(tieout.path("out/ledger/000000000003.json")).unwrap();
        assert!(told.contains("run_cancelled") && told.contains("interrupted"), "{told}");
        fs::remove_dir_all(tieout.path("out")).unwrap();
    }
}

/// Killed at instants all over its time, a run is either whole or not there; the next one works.
#[test]
fn a_killed_run_is_no_result() {
    let tieout = project(20_000);
    let clock = Instant::now();
    tieout.run(["run", "lines", "-q"]).exits(1);
    let whole = clock.elapsed();
    let mut killed = 0;
    for part in 1..=10 {
        let mut child = start(&tieout, &["run", "lines", "-q"]);
        std::thread::sleep(whole.mul_f64(f64::from(part) / 10.0));
        let _ = child.kill();
        killed += u32::from(child.wait().unwrap().code().is_none());

        // What the records name is there, and whole.
        let runs = data::read_parquet(&tieout.path("out/runs"));
        let tables = data::rows(&runs, &["divergences"]);
        for table in &tables {
            assert_eq!(data::read_parquet(&tieout.path("out").join(table)).num_rows(), 33_332, "{table}");
        }
        let query = "SELECT count(DISTINCT run_id) AS runs, count(*) AS rows FROM divergences.lines";
        let seen = tieout.run(["sql", query, "--format", "csv"]).exits(0).stdout;
        assert_eq!(seen, format!("runs,rows\n{0},{1}\n", tables.len(), tables.len() * 33_332));
    }
    assert!(killed >= 3, "only {killed} were killed in time");
    tieout.run(["run", "lines", "-q"]).exits(1);
}

#[test]
fn a_file_that_grows_is_an_error() {
    let tieout = project(20_000);
    let stop = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = OpenOptions::new().append(true).open(tieout.path("b.csv")).unwrap();
            for n in 1_000_000.. {
                if stop.load(Relaxed) {
                    break;
                }
                writeln!(file, "{n},more").unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let ended = tieout.run(["run", "lines"]);
        stop.store(true, Relaxed);
        ended
    });
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let words = said(&tieout, &ended.stderr);
    assert!(words.starts_with("error: DIR/b.csv changed while it was read\n  in rule lines"), "{words}");
    assert!(words.ends_with("hint: run again once the input is no longer written to"), "{words}");
    assert!(!tieout.has_results());
}

/// Another file of the same size under the same name.
#[test]
fn a_file_that_is_replaced_is_an_error() {
    let tieout = project(100_000);
    let child = start(&tieout, &["run", "lines"]);
    wait_for(&tieout, "out/_tieout.json");
    let text = fs::read_to_string(tieout.path("a.csv")).unwrap().replace("name", "NAME");
    fs::write(tieout.path("other.csv"), text).unwrap();
    fs::rename(tieout.path("other.csv"), tieout.path("a.csv")).unwrap();
    let ended = ended(child).exits(2);
    assert!(ended.stderr.contains("a.csv changed while it was read"), "{}", ended.stderr);
    assert!(!tieout.has_results());
}
