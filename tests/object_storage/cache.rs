//! Remembered digests of objects, and what they left over, in a bucket.

use std::time::Duration;

use super::{Bucket, DIFFERS, SOURCE};

/// The second run reads footers only; an object that was replaced is read anew.
#[test]
fn a_cache_in_a_bucket() {
    let bucket = Bucket::new();
    bucket.project();
    let cache = bucket.url("cache");
    // What was written just now is not remembered.
    std::thread::sleep(Duration::from_secs(4));
    for (bytes_read, left_over) in [(true, false), (false, true)] {
        let run = bucket.tieout.run(["run", "--cache", &cache, "--format", "json"]).exits(1);
        let rule = run.rule("r");
        assert_eq!(rule["rows"]["value_mismatch"], 1);
        assert_eq!(rule["work"]["bytes_read"] != 0, bytes_read);
        assert_eq!(rule["why"].as_str().unwrap().contains("left over"), left_over);
        let kept = bucket.weed.list(&bucket.name, "cache/");
        let of = |folder: &str| kept.iter().filter(|key| key.starts_with(&format!("cache/{folder}/"))).count();
        assert_eq!((of("digests"), of("residues"), kept.len()), (2, 1, 3), "{kept:?}");
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
