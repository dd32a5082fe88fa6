//! `tieout compile`: its statement gives the same divergences as a run, in the engine and, with `--portable`, in DuckDB.

mod rules;
mod text;
mod totals;
mod types;

use serde_json::{Value, json};

use crate::support::tieout::Tieout;
use crate::support::{data, python, root};

/// A project of one rule `r` between `s` and `t`.
struct Peer {
    tieout: Tieout,
    datasets: Value,
}

impl Peer {
    fn new() -> Self {
        Self { tieout: Tieout::new(), datasets: json!({}) }
    }

    /// A dataset of a literal table.
    fn parquet(mut self, name: &str, table: &str) -> Self {
        let file = self.tieout.parquet(&format!("{name}.parquet"), table);
        self.datasets[name] = json!({"parquet": file});
        self
    }

    fn csv(mut self, name: &str, text: &str) -> Self {
        let file = self.tieout.file(&format!("{name}.csv"), text);
        self.datasets[name] = json!({"csv": file});
        self
    }

    /// The statement's rows are the table's, of which there are `kinds` (`value_mismatch 1`, by name).
    #[track_caller]
    fn agrees(&self, rule: &str, kinds: &str) {
        self.agrees_with(&json!({}), rule, kinds);
    }

    /// `options`: of the datasets' connectors, by name.
    #[track_caller]
    fn agrees_with(&self, options: &Value, rule: &str, kinds: &str) {
        let mut datasets = String::new();
        for (name, how) in self.datasets.as_object().unwrap() {
            let (connector, path) = how.as_object().unwrap().iter().next().unwrap();
            let mut body = options.get(name).cloned().unwrap_or_else(|| json!({}));
            body["path"] = path.clone();
            datasets.push_str(&format!("  {name}: {}\n", json!({connector: body})));
        }
        let indented: String = data::dedent(rule).lines().map(|line| format!("    {line}\n")).collect();
        self.tieout.file("tieout.yaml", &format!("datasets:\n{datasets}rules:\n  r:\n{indented}"));
        self.check("r", kinds);
    }

    /// Runs the rule of the project, and its statements.
    #[track_caller]
    fn check(&self, rule: &str, kinds: &str) {
        let expected = i32::from(!kinds.is_empty());
        let run = self.tieout.run(["run", rule, "--format", "json", "--strategy", "join"]);
        let folder = run.exits(expected).rule(rule)["divergences"].as_str().unwrap().to_string();
        let portable = self.tieout.run(["compile", rule, "--portable"]).exits(0).stdout;
        let statement = self.tieout.file("portable.sql", &portable);
        let script = root().join("tests/portable/duckdb_peer.py");
        let args = [self.datasets.to_string().into(), statement.into_os_string(), self.tieout.path(&folder).into()];
        assert_eq!(python::run_file(&script, args), kinds, "--- {rule}\n{portable}");
        self.same_in_the_engine(rule, &folder);
    }

    /// The statement in the engine's own dialect, run by `tieout sql`.
    #[track_caller]
    fn same_in_the_engine(&self, rule: &str, folder: &str) {
        let sql = self.tieout.run(["compile", rule]).exits(0).stdout;
        let printed = self.tieout.run_with_input(["sql", "--format", "json"], &sql).exits(0).stdout;
        let table = data::read_parquet(&self.tieout.path(folder));
        let wanted: Vec<_> = data::rows(&table, &["kind"]).into_iter().filter(|k| k != "schema_mismatch").collect();
        let found: Vec<Value> = serde_json::from_str(&printed).unwrap();
        assert_eq!(found.len(), wanted.len(), "--- {rule}\n{sql}\n{printed}");
    }
}

/// The examples' rules, of which some read text, some are totals, and some read views.
#[test]
fn quickstart() {
    let tieout = Tieout::in_example("quickstart");
    let path = |file: &str| tieout.path(file);
    let receipts = "SELECT payment_id, posted_on AS value_date, debit AS amount, currency FROM ledger.entries \
                    WHERE account = '1200 Bank'";
    let text = ["payment_id", "customer", "amount", "currency", "method", "status", "booked_at", "value_date"];
    let columns: serde_json::Map<String, Value> =
        text.into_iter().map(|column| (column.to_string(), json!("VARCHAR"))).collect();
    let datasets = json!({
        "app.payments": {"ndjson": path("data/payments.ndjson"), "columns": columns},
        "bank.lines": {"csv": path("data/bank/*.csv"), "delimiter": ";"},
        "ledger.entries": {"parquet": path("data/ledger.parquet")},
        "ledger.receipts": {"sql": receipts},
    });
    let peer = Peer { tieout, datasets };
    peer.check("bank_statement", "duplicate_key 1, missing_in_source 2, missing_in_target 3, value_mismatch 5");
    peer.check("daily_totals", "missing_in_target 1, value_mismatch 1");
}
