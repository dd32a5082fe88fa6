//! Runs that are killed at any instant: the ledger verifies, no half of a run is visible, and the next run is right.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{entries, kinds, project, size, verifies, write_project};
use crate::support::data;
use crate::support::tieout::{Finished, Tieout};

const KILLS: (&str, usize) = ("TIEOUT_LEDGER_KILLS", 30);

/// A run that ends with the test, should that fail.
struct Run(Option<Child>);

impl Run {
    fn start(tieout: &Tieout, args: &[&str]) -> Self {
        Self(Some(tieout.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    /// Whether it was still at work.
    fn kill(mut self) -> bool {
        let mut child = self.0.take().unwrap();
        let _ = child.kill();
        child.wait().unwrap().code().is_none()
    }

    fn interrupt(mut self) -> Finished {
        let child = self.0.take().unwrap();
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        Finished::of_child(child)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs that the ledger says are finished.
fn finished(tieout: &Tieout) -> usize {
    kinds(&entries(tieout, &[])).iter().filter(|kind| **kind == "run_finished").count()
}

#[test]
fn killed_at_random_instants() {
    let tieout = project();
    write_project(&tieout, "out", 4000);
    let clock = Instant::now();
    tieout.run(["run", "-q"]).exits(1);
    let whole = clock.elapsed();
    let (kills, mut killed) = (size(KILLS.0, KILLS.1), 0);
    for kill in 0..kills {
        let run = Run::start(&tieout, &["run", "-q"]);
        // Spread over the time of a run, and no two at the same instant.
        let part = (kill as f64 * 0.618_034) % 1.0;
        std::thread::sleep(whole.mul_f64(part));
        killed += usize::from(run.kill());
        verifies(&tieout);
        let records = data::read_parquet(&tieout.path("out/runs"));
        assert_eq!(records.num_rows(), 2 * finished(&tieout), "after kill {kill}");
        for table in data::rows(&records, &["divergences"]).iter().filter(|table| table.contains("rule=lines")) {
            assert_eq!(data::read_parquet(&tieout.path("out").join(table)).num_rows(), 5332 + 1333, "{table}");
        }
        let next = tieout.run(["run", "lines", "--format", "json"]).exits(1);
        assert_eq!(next.rule("lines")["rows"]["missing_in_target"], 2666);
        let seen = tieout.run(["sql", "SELECT count(*) AS n FROM runs WHERE rule = 'lines'", "--format", "csv"]);
        assert_eq!(seen.exits(0).stdout, format!("n\n{}\n", finished(&tieout)));
        // So that all instants of a run stay as they are, and records of two rules.
        fs::remove_dir_all(tieout.path("out")).unwrap();
        tieout.run(["run", "-q"]).exits(1);
    }
    assert!(killed * 2 >= kills, "only {killed} of {kills} were killed in time");
    println!("{killed} of {kills} were killed at work, {:?} in all", clock.elapsed());
}

/// The last instant: the ledger tells of the run's end, and its record is not yet where readers look.
#[test]
fn cut_off_before_the_record_is_in_place() {
    for command in [&["ledger", "verify"][..], &["run", "same", "-q"], &["run", "--resume", "ID"]] {
        let tieout = project();
        tieout.run(["run", "-q"]).exits(1);
        let run = tieout.run(["run", "--format", "json"]).exits(1).json()["run_id"].as_str().unwrap().to_string();
        let record = tieout.path(&format!("out/runs/{run}.parquet"));
        let waiting = tieout.path(&format!("out/unfinished/{run}/record-000000000004.parquet"));
        fs::create_dir_all(waiting.parent().unwrap()).unwrap();
        fs::rename(&record, &waiting).unwrap();
        let command: Vec<&str> = command.iter().map(|arg| if *arg == "ID" { run.as_str() } else { *arg }).collect();
        let ended = tieout.run(&command);
        match command[0] {
            "ledger" => assert!(
                ended.exits(0).stdout.contains("note: a run or an acknowledgement that was cut off"),
                "{command:?}"
            ),
            _ if command.contains(&"same") => drop(ended.exits(0)),
            _ => assert!(ended.exits(2).stderr.contains("is finished: there is nothing to go on with")),
        }
        assert!(record.exists() && !waiting.exists() && !tieout.path("out/unfinished").exists());
        verifies(&tieout);

        // What is not the record that the ledger names is not taken for it.
        fs::create_dir_all(waiting.parent().unwrap()).unwrap();
        fs::rename(&record, &waiting).unwrap();
        fs::write(&waiting, fs::read(&waiting).unwrap().split_last().unwrap().1).unwrap();
        tieout.run(["run", "same", "-q"]).exits(0);
        assert!(!record.exists() && waiting.exists());
    }
}

/// The instant before: the record waits, and the ledger tells nothing of the run's end.
#[test]
fn cut_off_before_the_ledger_tells() {
    let tieout = project();
    tieout.run(["run", "-q"]).exits(1);
    let run = "01987b2e-5a4f-7cc3-b0a1-5d1f0c2e9a77";
    let waiting = tieout.path(&format!("out/unfinished/{run}/record-000000000002.parquet"));
    fs::create_dir_all(waiting.parent().unwrap()).unwrap();
    fs::write(&waiting, "a record").unwrap();
    tieout.run(["run", "-q"]).exits(1);
    verifies(&tieout);
    assert!(waiting.exists() && !tieout.path(&format!("out/runs/{run}.parquet")).exists());
}

fn slow() -> Tieout {
    let tieout = project();
    write_project(&tieout, "out", 20_000);
    tieout.file(
        "queries/slow.sql",
        "SELECT x.value AS n FROM generate_series(1, 1000000) AS x CROSS JOIN generate_series(1, 1000000) AS y
         WHERE x.value + y.value < 0\n",
    );
    // Files are believed to be the same only some seconds after they were written.
    std::thread::sleep(Duration::from_millis(4200));
    tieout
}

/// Until the rule `lines` is kept; the run's id.
fn kept(tieout: &Tieout) -> String {
    let start = Instant::now();
    loop {
        for folder in fs::read_dir(tieout.path("out/unfinished")).into_iter().flatten().flatten() {
            let document = fs::read_to_string(folder.path().join("run.json")).unwrap_or_default();
            if document.contains("\"rule\":\"lines\"") {
                return folder.file_name().to_string_lossy().into_owned();
            }
        }
        assert!(start.elapsed() < Duration::from_secs(60), "nothing was kept");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_run_that_goes_on() {
    let tieout = slow();
    let run = Run::start(&tieout, &["run", "-q"]);
    let id = kept(&tieout);
    assert!(run.kill());
    assert!(verifies(&tieout).contains("note: 1 run has begun and not ended"));
    let run = Run::start(&tieout, &["run", "-q", "--resume", &id]);
    while kinds(&entries(&tieout, &[])).last() != Some(&"run_resumed") {
        std::thread::sleep(Duration::from_millis(5));
    }
    run.interrupt().exits(130);
    tieout.file("queries/slow.sql", "SELECT value AS n FROM generate_series(1, 3) WHERE value > 2\n");
    let resumed = tieout.run(["run", "--resume", &id, "--format", "json"]).exits(1);
    assert!(resumed.rule("lines")["notes"].to_string().contains("was compared before the run was cut off"));
    let entries = entries(&tieout, &[]);
    let told = ["begun", "run_started", "run_resumed", "run_cancelled", "run_resumed", "run_finished"];
    assert_eq!(kinds(&entries), told);
    assert_eq!(
        (&entries[3]["event"]["why"], &entries[5]["event"]["run_id"]),
        (&"interrupted".into(), &id.as_str().into())
    );
    let said = verifies(&tieout);
    assert!(said.contains("6 files") && !said.contains("note"), "{said}");
    // What was kept of the rule is verified as well.
    let table = tieout.path(&format!("out/divergences/rule=lines/run={id}/part-0.parquet"));
    let mut bytes = fs::read(&table).unwrap();
    bytes[100] ^= 1;
    fs::write(&table, bytes).unwrap();
    assert!(tieout.run(["ledger", "verify"]).exits(1).stdout.starts_with("divergences/rule=lines/run="));
}

/// While another process goes on with its run, a process that is nearly done does not end it.
#[test]
fn only_the_last_process_ends_a_run() {
    let tieout = slow();
    let first = Run::start(&tieout, &["run", "-q"]);
    let id = kept(&tieout);
    tieout.file("queries/slow.sql", "SELECT value AS n FROM generate_series(1, 3) WHERE value > 2\n");
    tieout.run(["run", "--resume", &id, "-q"]).exits(1);
    // Between two rules it sees by itself that it is no longer alone.
    let ended = first.interrupt();
    assert!(matches!(ended.code, Some(130 | 2)), "{ended:?}");
    let entries = entries(&tieout, &[]);
    assert_eq!(kinds(&entries)[..4], ["begun", "run_started", "run_resumed", "run_finished"]);
    verifies(&tieout);
}
