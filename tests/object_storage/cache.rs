//! Remembered digests of objects, in a bucket.

use std::time::Duration;

use super::{Bucket, DIFFERS, SOURCE};

/// The second run reads footers only, and the objects that hold a suspect; an object that was replaced is read anew.
#[test]
fn digests_in_a_bucket() {
    let bucket = Bucket::new();
    bucket.project();
    let cache = bucket.url("cache");
    // What was written just now is not remembered.
    std::thread::sleep(Duration::from_secs(4));
    for _ in 0..2 {
        let run = bucket.tieout.run(["run", "--cache", &cache, "--format", "json"]).exits(1);
        assert_eq!(run.rule("r")["rows"]["value_mismatch"], 1);
        let kept = bucket.weed.list(&bucket.name, "cache/");
        assert_eq!(kept.len(), 2, "{kept:?}");
        assert!(kept.iter().all(|key| key.starts_with("cache/digests/")), "{kept:?}");
    }
    assert_eq!(bucket.kinds(), DIFFERS.replace('1', "2"));
    // The same name and size, other content.
    bucket.parquet("in/t.parquet", SOURCE);
    bucket.tieout.run(["run", "--cache", &cache]).exits(0);
    // A torn object is not believed.
    for key in bucket.weed.list(&bucket.name, "cache/") {
        let mut bytes = bucket.weed.get(&bucket.name, &key);
        bytes.truncate(bytes.len() - 8);
        bucket.weed.put(&bucket.name, &key, bytes);
    }
    bucket.tieout.run(["run", "--cache", &cache]).exits(0);
}
