//! Systems that are away: what comes back is waited for, what does not makes its own rules inconclusive.

use std::time::{Duration, Instant};

use super::tie::Pair;
use crate::support::postgres::Postgres;
use crate::support::proxy::Proxy;
use crate::support::tieout::Tieout;

const ORDERS: &str = "CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS name FROM generate_series(1, 50000) AS i;
    CREATE TABLE same AS TABLE orders; ANALYZE;";

#[test]
fn a_cut_connection_is_tried_again() {
    let pair = Pair::new(ORDERS);
    let proxy = Proxy::to(Postgres::shared().port());
    let url = |table: &str| format!("{}?table={table}&sslmode=disable", pair.database.url_at(proxy.port()));
    // In the middle of the rows of a reader: its snapshot is held by another connection.
    proxy.cut_once_after(400_000);
    let rule = pair.reconciled(&url("orders"), &pair.table("same"), &["--key", "id", "--strategy", "digest"]);
    assert_eq!(rule["rows"]["equal"], 50_000);
}

fn project(database: &str) -> Tieout {
    let tieout = Tieout::new();
    tieout.file("a.csv", "id,name\n1,a\n2,b\n");
    tieout.file(
        "tieout.yaml",
        &format!(
            "
            datasets:
              a: {{csv: a.csv}}
              b: {{csv: a.csv}}
              erp: {{postgres: {{url: \"{database}\", table: orders}}}}
            rules:
              first: {{source: erp, target: a, key: id}}
              files: {{source: a, target: b, key: id}}
              second: {{source: a, target: erp, key: id}}
            "
        ),
    );
    tieout
}

#[test]
fn rules_of_a_system_that_is_away_are_inconclusive_and_others_go_on() {
    let mut server = Postgres::own();
    let database = server.database();
    database.sql("CREATE TABLE orders AS SELECT 1 AS id, 'a' AS name UNION ALL SELECT 2, 'b'");
    let tieout = project(&database.url());
    tieout.run(["run"]).exits(0);
    server.stop();
    let start = Instant::now();
    let finished = tieout.run(["run", "--format", "json"]).exits(3);
    // Three attempts for both rules together.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let rules = &finished.json()["rules"];
    let outcomes: Vec<&str> = (0..3).map(|n| rules[n]["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["inconclusive", "reconciled", "inconclusive"]);
    let (first, second) = (rules[0]["notes"][0].as_str().unwrap(), rules[2]["notes"][0].as_str().unwrap());
    assert!(first.starts_with("nothing was compared: cannot connect to postgres://127.0.0.1:"), "{first}");
    assert!(second.ends_with("it is not tried again in this run"), "{second}");
    assert_eq!((&rules[0]["guarantee"], &rules[0]["divergences"]), (&"none".into(), &serde_json::Value::Null));
    // The record says so too, and past results can still be read.
    let runs =
        tieout.run(["sql", "SELECT rule, outcome FROM runs ORDER BY started_at, rule", "--format", "csv"]).exits(0);
    assert_eq!(runs.stdout.matches("inconclusive").count(), 2, "{}", runs.stdout);
    server.restart();
    tieout.run(["run"]).exits(0);
}

#[test]
fn a_comparison_of_two_datasets_that_cannot_be_reached_is_an_error() {
    let mut server = Postgres::own();
    let url = format!("{}?table=orders", server.database().url());
    server.stop();
    let tieout = Tieout::new();
    let file = tieout.file("a.csv", "id\n1\n").display().to_string();
    let finished = tieout.run(["diff", &url, &file, "--key", "id"]).exits(2);
    assert!(finished.stderr.contains("see that the server runs and can be reached"), "{}", finished.stderr);
}
