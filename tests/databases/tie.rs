//! A database of PostgreSQL and a folder of files beside it: [`Pair`], and what `tieout diff` finds between them.

use serde_json::Value;

use crate::support::data;
use crate::support::postgres::{Database, Postgres};
use crate::support::tieout::{Finished, Tieout};

pub const STRATEGIES: [&str; 5] = ["digest", "join", "merge", "bytes", "pushdown"];

pub struct Pair {
    pub tieout: Tieout,
    pub database: Database,
}

/// What a comparison found: a line a divergence, `kind | changed columns | the named columns`.
pub struct Found {
    pub rule: Value,
    pub table: datafusion::arrow::array::RecordBatch,
}

impl Pair {
    /// A new database of the shared server, in which the script was run.
    #[track_caller]
    pub fn new(script: &str) -> Self {
        let database = Postgres::shared().database();
        database.sql(script);
        Self { tieout: Tieout::new(), database }
    }

    /// The URL of a table.
    pub fn table(&self, name: &str) -> String {
        format!("{}?table={}", self.database.url(), encoded(name))
    }

    /// The URL of a query.
    pub fn query(&self, sql: &str) -> String {
        format!("{}?query={}", self.database.url(), encoded(sql))
    }

    /// A side is a table's name, or a URL, or a path.
    fn side(&self, side: &str) -> String {
        match side.contains('/') {
            true => side.to_string(),
            false => self.table(side),
        }
    }

    pub fn diff(&self, source: &str, target: &str, args: &[&str]) -> Finished {
        let (source, target) = (self.side(source), self.side(target));
        let mut all = vec!["diff", &source, &target, "--format", "json", "--out", "out"];
        all.extend(args);
        self.tieout.run(all)
    }

    #[track_caller]
    pub fn reconciled(&self, source: &str, target: &str, args: &[&str]) -> Value {
        self.diff(source, target, args).exits(0).rule("diff")
    }

    #[track_caller]
    pub fn diverged(&self, source: &str, target: &str, args: &[&str]) -> Found {
        let rule = self.diff(source, target, args).exits(1).rule("diff");
        let path = self.tieout.path(rule["divergences"].as_str().expect("a table is written"));
        Found { table: data::read_parquet(&path), rule }
    }

    /// The message and the hint of an error; nothing is left behind.
    #[track_caller]
    pub fn fails(&self, source: &str, target: &str, args: &[&str]) -> (String, String) {
        let finished = self.diff(source, target, args).exits(2);
        let error = &finished.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_string();
        (text("message"), text("hint"))
    }
}

impl Found {
    /// The divergences: the named columns of the table.
    pub fn rows(&self, columns: &[&str]) -> Vec<String> {
        data::rows(&self.table, columns)
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
