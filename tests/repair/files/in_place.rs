//! One file replaced by its corrected copy: in one step, whatever happens, and never over what somebody else wrote.

use super::super::{AUTO, Given, applied, planned, reverted, verified};
use super::applied_in_place;
use crate::support::data::{read_parquet, rows};
use crate::support::tieout::Tieout;

const RULE: &str = "key: [id]\n    repair: {authority: source}";

fn tables(count: u32) -> Tieout {
    let tieout = Tieout::new();
    let table = |off: u32| {
        let rows: Vec<String> = (0..count).map(|n| format!("{n} | {}", n + off * u32::from(n % 3 == 0))).collect();
        format!("id:int64, n:int64\n{}", rows.join("\n"))
    };
    tieout.parquet("a.parquet", &table(0));
    tieout.parquet("b.parquet", &table(1));
    Given { source: "parquet: a.parquet", target: "parquet: b.parquet", rule: RULE, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    tieout
}

#[test]
fn a_process_that_is_killed_leaves_the_file_as_it_was_or_as_it_is_to_be() {
    let kills: u64 = std::env::var("TIEOUT_REPAIR_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let tieout = tables(3000);
    let read = || std::fs::read(tieout.path("b.parquet")).unwrap();
    let wanted = rows(&read_parquet(&tieout.path("a.parquet")), &[]);
    let (before, plan) = (read(), planned(&tieout));
    let is_whole = |what: &str| {
        let now = rows(&read_parquet(&tieout.path("b.parquet")), &[]);
        assert!(now == wanted || read() == before, "{what} left something else");
    };
    for kill in 0..kills {
        let mut child = tieout.command(["repair", "apply", &plan, "--in-place", "-q"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20 + kill * 29 % 260));
        let _ = child.kill();
        let _ = child.wait();
        is_whole("apply");
    }
    let told = applied_in_place(&tieout, &plan);
    assert_eq!(told["outcome"], "repaired", "{told:#}");
    assert_eq!(told["rows"], serde_json::json!({"applied": 1000}), "{told:#}");
    assert_eq!(rows(&read_parquet(&tieout.path("b.parquet")), &[]), wanted);
    tieout.run(["run", "-q"]).exits(0);
    for kill in 0..kills {
        let mut child = tieout.command(["repair", "revert", &plan, "-q"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20 + kill * 31 % 260));
        let _ = child.kill();
        let _ = child.wait();
        is_whole("revert");
    }
    assert_eq!(reverted(&tieout, &plan)["outcome"], "reverted");
    assert!(read() == before, "the revert left something else");
    verified(&tieout);
}

#[test]
fn what_somebody_else_wrote_since_stays() {
    let tieout = tables(30);
    let plan = planned(&tieout);
    applied_in_place(&tieout, &plan);
    tieout.parquet("b.parquet", "id:int64, n:int64\n1 | 1");
    let told = tieout.run(["repair", "apply", &plan, "--in-place"]).exits(2).stderr;
    assert!(told.contains("is neither what the plan found nor what it wrote"), "{told}");
    assert_eq!(rows(&read_parquet(&tieout.path("b.parquet")), &[]), ["1 | 1"]);
    verified(&tieout);
}

#[test]
fn what_is_not_one_step_is_refused_before_anything_is_begun() {
    let tieout = tables(30);
    std::fs::create_dir(tieout.path("b")).unwrap();
    for name in ["x", "y"] {
        std::fs::copy(tieout.path("b.parquet"), tieout.path(&format!("b/{name}.parquet"))).unwrap();
    }
    Given { source: "parquet: a.parquet", target: "parquet: b", rule: RULE, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let told = tieout.run(["repair", "apply", &plan, "--in-place"]).exits(2).stderr;
    assert!(told.contains("replacing 2 files is not atomic: readers could meet some old and some new"), "{told}");
    let lines = tieout.run(["repair", "history"]).exits(0).stdout;
    assert!(lines.contains("  planned  "), "{lines}");
    // A file with two names.
    let tieout = tables(30);
    std::fs::hard_link(tieout.path("b.parquet"), tieout.path("c.parquet")).unwrap();
    let plan = planned(&tieout);
    let told = tieout.run(["repair", "apply", &plan, "--in-place"]).exits(2).stderr;
    assert!(told.contains("it has 2 names (hard links)"), "{told}");
    // What was only copied is nothing to take back.
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    let told = tieout.run(["repair", "revert", &plan]).exits(2).stderr;
    assert!(told.contains("the plan wrote corrected copies: the files themselves are as they were"), "{told}");
    verified(&tieout);
}

#[cfg(unix)]
#[test]
fn rights_stay_and_links_are_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let tieout = tables(30);
    std::fs::create_dir(tieout.path("real")).unwrap();
    std::fs::rename(tieout.path("b.parquet"), tieout.path("real/data.parquet")).unwrap();
    std::fs::set_permissions(tieout.path("real/data.parquet"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/data.parquet", tieout.path("b.parquet")).unwrap();
    let plan = planned(&tieout);
    assert_eq!(applied_in_place(&tieout, &plan)["outcome"], "repaired");
    assert!(std::fs::symlink_metadata(tieout.path("b.parquet")).unwrap().is_symlink());
    let mode = std::fs::metadata(tieout.path("real/data.parquet")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let left: Vec<_> = std::fs::read_dir(tieout.path("real")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside the file");
}

#[test]
fn copies_that_were_changed_are_told() {
    let tieout = tables(30);
    let plan = planned(&tieout);
    let told = applied(&tieout, &plan);
    let copy = told["files"][0]["copy"].as_str().unwrap();
    std::fs::write(copy, "something else").unwrap();
    let told = tieout.run(["ledger", "verify"]).exits(1).stdout;
    assert!(told.contains("files/b.parquet: was changed"), "{told}");
}
