//! Many processes that write at once: all of their runs are in one chain.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{entries, kinds, size, write_project};
use crate::support::tieout::Tieout;
use crate::support::weed::weed;

const PROCESSES: (&str, usize) = ("TIEOUT_LEDGER_PROCESSES", 8);
const RUNS: (&str, usize) = ("TIEOUT_LEDGER_RUNS", 5);

fn all_in_one_chain(tieout: &Tieout) {
    let (processes, runs) = (size(PROCESSES.0, PROCESSES.1), size(RUNS.0, RUNS.1));
    let clock = Instant::now();
    let at_work = AtomicUsize::new(processes);
    std::thread::scope(|scope| {
        for process in 0..processes {
            let at_work = &at_work;
            scope.spawn(move || {
                for _ in 0..runs {
                    let mut command = tieout.command(["run", "-q", "--threads", "1"]);
                    command.env("TIEOUT_ACTOR", format!("process {process}"));
                    let ended = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
                    let said = String::from_utf8_lossy(&ended.stderr);
                    assert_eq!(ended.status.code(), Some(1), "{said}");
                }
                at_work.fetch_sub(1, Relaxed);
            });
        }
        // Whoever looks meanwhile sees nothing wrong.
        scope.spawn(|| {
            let clock = Instant::now();
            while at_work.load(Relaxed) > 0 && clock.elapsed() < Duration::from_secs(120) {
                let ended = tieout.run(["ledger", "verify"]);
                let begun = !ended.stderr.contains(" has no ledger");
                assert_eq!(ended.code, Some(if begun { 0 } else { 2 }), "{}{}", ended.stdout, ended.stderr);
            }
        });
    });
    let took = clock.elapsed();
    let verified = tieout.run(["ledger", "verify", "--format", "json"]).exits(0).json();
    assert_eq!(verified["wrong"], Value::Array(Vec::new()));
    assert_eq!(verified["entries"], 1 + 2 * processes * runs);
    let entries = entries(tieout, &[]);
    let count = |kind: &str| kinds(&entries).iter().filter(|found| **found == kind).count();
    assert_eq!((count("begun"), count("run_started"), count("run_finished")), (1, processes * runs, processes * runs));
    for process in 0..processes {
        let actor = format!("process {process}");
        assert_eq!(entries.iter().filter(|entry| entry["actor"] == *actor).count() / 2, runs);
    }
    let seen = tieout.run(["sql", "SELECT count(DISTINCT run_id) AS runs FROM runs", "--format", "csv"]).exits(0);
    assert_eq!(seen.stdout, format!("runs\n{}\n", processes * runs));
    println!("{processes} processes, {runs} runs each: {took:?}");
}

#[test]
fn processes_on_a_disk() {
    let tieout = Tieout::new();
    write_project(&tieout, "out", 40);
    all_in_one_chain(&tieout);
}

#[test]
fn processes_on_object_storage() {
    let weed = weed();
    let tieout = Tieout::new().envs(weed.env());
    write_project(&tieout, &format!("s3://{}/out", weed.bucket()), 40);
    all_in_one_chain(&tieout);
}
