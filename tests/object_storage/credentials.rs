//! Credentials as the cloud's own tools find them, and those that are not enough.

use super::{Bucket, DIFFERS};
use crate::support::tieout::Finished;

/// A profile names keys and endpoint; nothing stands in the environment but its name.
#[test]
fn a_profile() {
    let bucket = Bucket::new();
    bucket.project();
    let env = bucket.weed.env();
    let value = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str()).unwrap();
    let credentials = bucket.tieout.file(
        "credentials",
        &format!(
            "[batch]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            value("AWS_ACCESS_KEY_ID"),
            value("AWS_SECRET_ACCESS_KEY")
        ),
    );
    let config = bucket.tieout.file(
        "config",
        &format!("[profile batch]\nregion = us-east-1\nendpoint_url = {}\n", value("AWS_ENDPOINT_URL")),
    );
    let mut command = bucket.tieout.command(["run"]);
    for (name, _) in &env {
        command.env_remove(name);
    }
    command.env("AWS_PROFILE", "batch").env("AWS_SHARED_CREDENTIALS_FILE", credentials).env("AWS_CONFIG_FILE", config);
    Finished::of(command, None).exits(1);
    assert_eq!(bucket.kinds(), DIFFERS);
}

/// One who may only read can compare, but not write; the error comes before anything is written.
#[test]
fn read_only() {
    let bucket = Bucket::new();
    bucket.project();
    let mut command = bucket.tieout.command(["run"]);
    command.envs(bucket.weed.reader_env());
    let refused = Finished::of(command, None).exits(2);
    assert!(refused.stderr.contains("cannot be written to"), "{}", refused.stderr);
    assert!(bucket.weed.list(&bucket.name, "out").is_empty());

    let mut command =
        bucket.tieout.command(["diff", &bucket.url("in/s.parquet"), &bucket.url("in/t.parquet"), "--key", "id"]);
    command.envs(bucket.weed.reader_env());
    Finished::of(command, None).exits(1);
}

/// A wrong key is refused; it appears nowhere, nor does what was signed with it.
#[test]
fn wrong_keys() {
    let bucket = Bucket::new();
    bucket.project();
    let mut command = bucket.tieout.command(["run", "-vv"]);
    command.env("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-anyone");
    let refused = Finished::of(command, None).exits(2);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("refused"), "{said}");
    for secret in ["not-the-secret-of-anyone", "Signature=", "AWS4-HMAC"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn an_output_without_a_bucket() {
    let bucket = Bucket::new();
    bucket.project();
    let finished = bucket.tieout.run(["run", "--out", "s3://tieout-no-such-bucket/out"]).exits(2);
    assert!(finished.stderr.contains("s3://tieout-no-such-bucket/out"), "{}", finished.stderr);
}
