//! Files on object storage: copies there, and one object replaced only if it is still the version that was read.

use super::super::{AUTO, Given, planned, reverted, verified};
use super::applied_in_place;
use crate::support::tieout::Tieout;
use crate::support::weed::weed;

const RULE: &str = "key: [id]\n    repair: {authority: source}";

fn tables(bucket: &str, output: &str) -> Tieout {
    let tieout = Tieout::new().envs(weed().env());
    tieout.file("a.csv", "id,n\n1,1\n2,2\n3,3\n");
    weed().put(bucket, "data/b.csv", "id,n\n1,1\n2,20\n4,4\n");
    let target = format!("csv: \"s3://{bucket}/data/b.csv\"");
    let rest = format!("{AUTO}output: \"{output}\"\n");
    Given { source: "csv: a.csv", target: &target, rule: RULE, rest: &rest }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    tieout
}

#[test]
fn an_object_is_replaced_and_put_back() {
    for remote in [false, true] {
        let bucket = weed().bucket();
        let output = if remote { format!("s3://{bucket}/results") } else { "out".to_string() };
        let tieout = tables(&bucket, &output);
        let plan = planned(&tieout);
        let told = super::super::applied(&tieout, &plan);
        assert_eq!(told["outcome"], "repaired", "{told:#}");
        assert_eq!(weed().get(&bucket, "data/b.csv"), b"id,n\n1,1\n2,20\n4,4\n");
        let told = applied_in_place(&tieout, &plan);
        assert_eq!(told["outcome"], "repaired", "{told:#}");
        assert_eq!(weed().get(&bucket, "data/b.csv"), b"id,n\n1,1\n2,2\n3,3\n");
        tieout.run(["run", "-q"]).exits(0);
        let back = reverted(&tieout, &plan);
        assert_eq!(back["outcome"], "reverted", "{back:#}");
        assert_eq!(weed().get(&bucket, "data/b.csv"), b"id,n\n1,1\n2,20\n4,4\n");
        verified(&tieout);
    }
}

#[test]
fn an_object_that_was_written_since_stays() {
    let bucket = weed().bucket();
    let tieout = tables(&bucket, "out");
    let plan = planned(&tieout);
    applied_in_place(&tieout, &plan);
    weed().put(&bucket, "data/b.csv", "id,n\n1,1\n2,2\n3,33\n");
    let told = tieout.run(["repair", "apply", &plan, "--in-place"]).exits(2).stderr;
    assert!(told.contains("is neither what the plan found nor what it wrote"), "{told}");
    // What is as it was left is taken back row by row, the rest stays: one that was changed, and with it one that was put there.
    let back = reverted(&tieout, &plan);
    assert_eq!(back["outcome"], "partly", "{back:#}");
    assert_eq!(back["rows"], serde_json::json!({"applied": 2, "stale": 1}), "{back:#}");
    let now = String::from_utf8(weed().get(&bucket, "data/b.csv")).unwrap();
    assert_eq!(now, "id,n\n1,1\n2,20\n3,33\n4,4\n");
}
