//! Inputs and output on S3, against a real server; and single files over HTTP.

mod cache;
mod credentials;
mod http;
mod inputs;
mod output;

use crate::support::data;
use crate::support::tieout::Tieout;
use crate::support::weed::{Weed, weed};

const SOURCE: &str = "id:int64, v:utf8\n1 | a\n2 | b\n3 | c";
const TARGET: &str = "id:int64, v:utf8\n1 | a\n2 | x\n4 | d";
/// What SOURCE and TARGET differ in.
const DIFFERS: &str = "missing_in_source 1, missing_in_target 1, value_mismatch 1";

/// A bucket of its own, and a folder to run in as one who may do all.
struct Bucket {
    weed: &'static Weed,
    name: String,
    tieout: Tieout,
}

impl Bucket {
    fn new() -> Self {
        let weed = weed();
        Self { weed, name: weed.bucket(), tieout: Tieout::new().envs(weed.env()) }
    }

    fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    fn parquet(&self, key: &str, table: &str) {
        let file = self.tieout.parquet("upload.parquet", table);
        self.weed.put(&self.name, key, std::fs::read(file).unwrap());
    }

    /// Source and target as single objects, and a project that compares them and writes below `out`.
    fn project(&self) {
        self.parquet("in/s.parquet", SOURCE);
        self.parquet("in/t.parquet", TARGET);
        let (source, target) = (self.url("in/s.parquet"), self.url("in/t.parquet"));
        self.yaml(&format!("s: {{parquet: {{path: '{source}'}}}}\n  t: {{parquet: {{path: '{target}'}}}}"));
    }

    fn yaml(&self, datasets: &str) {
        let rule = "r: {source: s, target: t, key: [id]}";
        let output = self.url("out");
        self.tieout.file("tieout.yaml", &format!("output: {output}\ndatasets:\n  {datasets}\nrules:\n  {rule}\n"));
    }

    /// The kinds in the rule's tables, counted.
    fn kinds(&self) -> String {
        let dir = self.tieout.path("downloaded");
        self.weed.download(&self.name, "out/divergences", &dir);
        let kinds = data::rows(&data::read_parquet(&dir), &["kind"]);
        let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
        let mut names = kinds.clone();
        names.sort();
        names.dedup();
        names.iter().map(|kind| format!("{kind} {}", count(kind))).collect::<Vec<_>>().join(", ")
    }
}
