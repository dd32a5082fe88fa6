//! A database of MariaDB and a folder of files beside it: [`Pair`], and what `tieout diff` finds between them.

use serde_json::Value;

use crate::support::data;
use crate::support::mariadb::{Database, MariaDb, PASSWORD};
use crate::support::tieout::{Finished, Tieout};

pub const STRATEGIES: [&str; 4] = ["digest", "join", "merge", "bytes"];

/// A run that has all rows sent.
pub const READING: [&str; 5] = ["run", "--strategy", "digest", "--format", "json"];

pub struct Pair {
    pub tieout: Tieout,
    pub database: Database,
}

/// What a comparison found.
pub struct Found {
    pub rule: Value,
    table: datafusion::arrow::array::RecordBatch,
}

impl Pair {
    /// A new database of the shared server, in which the script was run.
    #[track_caller]
    pub fn new(script: &str) -> Self {
        Self::on(MariaDb::shared(), script)
    }

    #[track_caller]
    pub fn on(server: &MariaDb, script: &str) -> Self {
        let database = server.database();
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

    /// A side is a table's name, or a URL, or a file.
    fn side(&self, side: &str) -> String {
        let is_file = ["parquet", "csv"].iter().any(|ending| side.ends_with(&format!(".{ending}")));
        if is_file || side.contains("://") { side.to_string() } else { self.table(side) }
    }

    /// `tieout diff`, which tells no secret.
    #[track_caller]
    pub fn diff(&self, source: &str, target: &str, args: &[&str]) -> Finished {
        let (source, target) = (self.side(source), self.side(target));
        let mut all = vec!["diff", &source, &target, "--format", "json", "--out", "out"];
        all.extend(args);
        let finished = self.tieout.run(all);
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(!said.contains(PASSWORD), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        finished
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

    /// A project whose rule `same` compares the tables `t` and `u` by `id`, in a database with these options.
    pub fn project(&self, url: &str, options: &str) {
        let dataset =
            |name: &str, table: &str| format!("  {name}: {{mysql: {{url: \"{url}\", table: {table}, {options}}}}}\n");
        let rules = "rules:\n  same: {source: a, target: b, key: [id]}\n";
        self.tieout.file("tieout.yaml", &format!("datasets:\n{}{}{rules}", dataset("a", "t"), dataset("b", "u")));
    }

    /// The message and the hint of an error; nothing is left behind.
    #[track_caller]
    pub fn fails(&self, source: &str, target: &str, args: &[&str]) -> (String, String) {
        told(&self.diff(source, target, args).exits(2))
    }
}

impl Found {
    /// The divergences: the named columns of the table.
    pub fn rows(&self, columns: &[&str]) -> Vec<String> {
        data::rows(&self.table, columns)
    }
}

/// The message and the hint of an error, without the places in the project and in the walk of a run.
pub fn told(finished: &Finished) -> (String, String) {
    let error = &finished.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_string();
    let message = text("message");
    // tieout.yaml:5:3:
    let message = match message.strip_prefix("tieout.yaml:") {
        Some(placed) => placed.split_once(": ").map_or(String::new(), |(_, message)| message.to_string()),
        None => message,
    };
    let place = [" (dataset ", " (side ", " (rule "].iter().filter_map(|place| message.find(place)).min();
    (message[..place.unwrap_or(message.len())].to_string(), text("hint"))
}

/// What a run says that could compare nothing.
#[track_caller]
pub fn away(finished: Finished) -> String {
    let note = finished.exits(3).rule("same")["notes"][0].as_str().expect("a note").to_string();
    note.strip_prefix("nothing was compared: ").expect("nothing was compared").to_string()
}

pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
