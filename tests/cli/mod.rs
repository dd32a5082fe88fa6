//! The command line as a person and as a scheduler meet it.

mod commands;
mod explain;
mod output;
mod secrets;
mod shell;
mod sql;
mod trial;

use crate::support::tieout::Tieout;

/// A project with one rule of each kind over two small tables that differ in a name and a row.
pub fn project() -> Tieout {
    let tieout = Tieout::new();
    tieout.file("bank.csv", "id,name,amount\n1,Ann,1.50\n2,Bob,2.50\n3,Eve,3.50\n");
    tieout.parquet(
        "ledger.parquet",
        "id:int64, name:utf8, amount:decimal(9,2)
         1 | Ann | 1.50
         2 | Rob | 2.50",
    );
    tieout.file(
        "tieout.yaml",
        "\
datasets:
  bank: {csv: {path: bank.csv, columns: {id: int64, amount: \"decimal(9,2)\"}}}
  ledger: {parquet: {path: ledger.parquet}}
rules:
  lines: {source: bank, target: ledger, key: [id]}
  day-end.sums: {source: bank, target: ledger, totals: {rows: count(*), amount: sum(amount)}}
",
    );
    tieout.file("queries/large.sql", "-- key: id\nSELECT id, amount FROM bank WHERE amount > 3\n");
    tieout
}
