//! Buckets that are not there or not ours, objects that change, against a real S3 server.

use super::{people, refused, results};
use crate::support::tieout::Tieout;
use crate::support::weed::{Weed, weed};

/// Both tables in a bucket, and a project that compares them into the same bucket.
fn bucket() -> (&'static Weed, String, Tieout) {
    let (weed, tieout) = (weed(), people());
    let bucket = weed.bucket();
    for file in ["a.csv", "b.parquet"] {
        weed.put(&bucket, &format!("lake/{file}"), std::fs::read(tieout.path(file)).unwrap());
    }
    (weed, bucket, tieout)
}

#[test]
fn a_missing_bucket_and_a_missing_object() {
    let (weed, bucket, tieout) = bucket();
    let tieout = tieout.envs(weed.env());
    refused(
        &tieout,
        &["diff", "a.csv", "s3://tieout-nowhere/b.parquet", "-k", "id", "--out", "out"],
        "not_found",
        "error: there is no bucket behind s3://tieout-nowhere/b.parquet
           in side target, dataset s3://tieout-nowhere/b.parquet
         hint: check the bucket's name, and the endpoint or account in the environment",
    );
    let object = format!("s3://{bucket}/lake/c.parquet");
    refused(
        &tieout,
        &["diff", "a.csv", &object, "-k", "id", "--out", "out"],
        "not_found",
        &format!(
            "error: there is no object at {object} or below it\n  in side target, dataset {object}\n\
             hint: check the name: upper and lower case differ, and names starting with `_` or `.` are passed over"
        ),
    );
    let glob = format!("s3://{bucket}/lake/2026-*.parquet");
    refused(
        &tieout,
        &["diff", "a.csv", &glob, "-k", "id", "--out", "out"],
        "not_found",
        &format!(
            "error: no object matches {glob}\n  in side target, dataset {glob}\n\
             hint: listed were the objects below s3://{bucket}/lake"
        ),
    );
}

#[test]
fn credentials_that_are_refused() {
    let (weed, bucket, tieout) = bucket();
    let tieout = tieout.envs(weed.env()).env("AWS_SECRET_ACCESS_KEY", "hunter2");
    let object = format!("s3://{bucket}/lake/b.parquet");
    let told = tieout.run(["diff", "a.csv", &object, "-k", "id", "--out", "out", "--format", "json"]).exits(2);
    assert_eq!(told.json()["error"]["kind"], "permission");
    assert!(
        told.stderr.starts_with(&format!("error: access to {object} is refused\n  in side target")),
        "{}",
        told.stderr
    );
    assert!(told.stderr.contains("hint: check the credentials in the environment"), "{}", told.stderr);
    assert!(!told.stderr.contains("hunter2"));
    assert!(!tieout.path("out").exists());
}

#[test]
fn an_output_that_may_only_be_read() {
    let (weed, bucket, tieout) = bucket();
    let before = weed.list(&bucket, "");
    let tieout = tieout.envs(weed.reader_env());
    let (object, out) = (format!("s3://{bucket}/lake/b.parquet"), format!("s3://{bucket}/out"));
    let told = tieout.run(["diff", "a.csv", &object, "-k", "id", "--out", &out, "--format", "json"]).exits(2);
    assert_eq!(told.json()["error"]["kind"], "output");
    assert!(told.stderr.starts_with(&format!("error: the output {out} cannot be written to\n")), "{}", told.stderr);
    assert!(told.stderr.contains("hint: check that it exists"), "{}", told.stderr);
    assert_eq!(weed.list(&bucket, ""), before);
    // Reading alone is allowed.
    tieout.run(["diff", "a.csv", &object, "-k", "id"]).exits(1);
}

/// An error in the middle of a run takes back what was put into the bucket; the ledger tells of it.
#[test]
fn a_failed_run_leaves_nothing_in_the_bucket() {
    let (weed, bucket, tieout) = bucket();
    let tieout = tieout.envs(weed.env());
    tieout.file("ragged.csv", "id,name,amount\n1,Ann,1.5\n2\n");
    let (before, local) = (weed.list(&bucket, ""), results(tieout.dir()));
    let out = format!("s3://{bucket}/out");
    tieout.run(["diff", "ragged.csv", "b.parquet", "-k", "id", "--out", &out]).exits(2);
    let told = [
        "out/_tieout.json",
        "out/ledger/000000000001.json",
        "out/ledger/000000000002.json",
        "out/ledger/000000000003.json",
    ];
    let left: Vec<String> = weed.list(&bucket, "").into_iter().filter(|key| !told.contains(&key.as_str())).collect();
    assert_eq!(left, before);
    assert!(String::from_utf8(weed.get(&bucket, told[3])).unwrap().contains("\"why\":\"data\""));
    assert_eq!(results(tieout.dir()), local);
}

/// The object is pinned when the rules are planned; it is overwritten while an earlier rule runs.
#[test]
fn an_object_that_is_overwritten_is_an_error() {
    let (weed, bucket, tieout) = bucket();
    let tieout = tieout.envs(weed.env()).env("BUCKET", &bucket);
    tieout.file(
        "tieout.yaml",
        "\
output: s3://${BUCKET}/out
datasets:
  a: {csv: {path: a.csv}}
  b: {parquet: {path: \"s3://${BUCKET}/lake/b.parquet\"}}
rules:
  people: {source: a, target: b, key: [id]}
",
    );
    // Some seconds of work.
    tieout.file(
        "queries/a_slow.sql",
        "SELECT x.value AS n FROM generate_series(1, 30000) AS x CROSS JOIN generate_series(1, 10000) AS y
         WHERE x.value + y.value < 0\n",
    );
    let child = tieout
        .command(["run", "a_slow", "people"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    while !weed.list(&bucket, "out").contains(&"out/_tieout.json".to_string()) {
        assert!(start.elapsed() < std::time::Duration::from_secs(60));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let again = std::fs::read(tieout.path("b.parquet")).unwrap();
    let other: Vec<u8> = again.iter().map(|byte| if *byte == b'E' { b'F' } else { *byte }).collect();
    weed.put(&bucket, "lake/b.parquet", other);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("/lake/b.parquet changed while it was read\n  in rule people"), "{stderr}");
    // No run is there.
    let left = weed.list(&bucket, "out");
    assert!(!left.iter().any(|object| object.starts_with("out/runs/") || object.contains("rule=people")), "{left:?}");
}
