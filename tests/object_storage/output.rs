//! Results on S3: what a reader sees of runs that ended, and of those that did not.

use std::time::Duration;

use super::{Bucket, DIFFERS};
use crate::support::data;

#[test]
fn two_runs_give_the_same_ids() {
    let bucket = Bucket::new();
    bucket.project();
    for _ in 0..2 {
        bucket.tieout.run(["run"]).exits(1);
    }
    let keys = bucket.weed.list(&bucket.name, "out");
    let entries = keys.iter().filter(|key| key.starts_with("out/ledger/")).count();
    assert_eq!((entries, keys.len()), (5, 5 + 7), "{keys:?}");
    let dir = bucket.tieout.path("results");
    bucket.weed.download(&bucket.name, "out/divergences", &dir);
    let ids: Vec<Vec<String>> = data::parquet_files(&dir)
        .iter()
        .map(|file| data::rows(&data::read_parquet(file), &["divergence_id", "id", "kind"]))
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0].len(), 3);
    assert_eq!(ids[0], ids[1]);

    // Both sides are pinned by size and ETag.
    let sql = "SELECT DISTINCT source_inputs[1]['url'] AS s, source_inputs[1]['size'] > 0 AS size, \
               source_inputs[1]['e_tag'] <> target_inputs[1]['e_tag'] AS tags FROM runs";
    let rows = bucket.tieout.run(["sql", "--format", "json", sql]).exits(0).json();
    assert_eq!(rows, serde_json::json!([{"s": bucket.url("in/s.parquet"), "size": true, "tags": true}]));
}

/// Past results are tables, those of runs that have a record; without it a run has never been.
#[test]
fn a_run_without_its_record_is_invisible() {
    let bucket = Bucket::new();
    bucket.project();
    bucket.tieout.run(["run"]).exits(1);
    bucket.tieout.run(["run"]).exits(1);
    let count = || {
        let sql = "SELECT count(*) AS n, count(DISTINCT run_id) AS runs FROM divergences.r";
        bucket.tieout.run(["sql", "--format", "csv", sql]).exits(0).stdout
    };
    assert_eq!(count(), "n,runs\n6,2\n");
    let record = &bucket.weed.list(&bucket.name, "out/runs")[0];
    bucket.weed.delete(&bucket.name, record);
    assert_eq!(count(), "n,runs\n3,1\n");
}

/// The record is the last object that a run writes.
#[test]
fn the_record_comes_last() {
    let bucket = Bucket::new();
    bucket.project();
    let mut child = bucket.tieout.command(["run", "-q"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    loop {
        let ended = child.try_wait().unwrap().is_some();
        let keys = bucket.weed.list(&bucket.name, "out");
        let recorded = keys.iter().any(|key| key.starts_with("out/runs/"));
        // Once there is a record, there is the table.
        assert!(!recorded || keys.iter().any(|key| key.starts_with("out/divergences/")), "{keys:?}");
        if ended {
            assert!(recorded);
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(bucket.kinds(), DIFFERS);
}
