//! The examples in the tables of `docs/reference/equal.md`: all of them are rules of one project.

use std::fmt::Write;

use serde_json::Value;

use crate::support::root;
use crate::support::tieout::Tieout;

/// One line of a table.
struct Example {
    line: usize,
    /// The source is a CSV cell rather than SQL.
    text: bool,
    source: String,
    target: String,
    column: String,
    verdict: String,
}

fn examples() -> Vec<Example> {
    let page = std::fs::read_to_string(root().join("docs/reference/equal.md")).unwrap();
    let mut text = false;
    let mut examples = Vec::new();
    for (line, row) in page.lines().enumerate().filter(|(_, row)| row.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        match cells[1] {
            "Source" => text = false,
            "Text" => text = true,
            cell if cell.starts_with("---") => {}
            _ => {
                let [_, source, target, column, verdict, _] = cells.as_slice() else {
                    panic!("line {}: {row}", line + 1)
                };
                // A cell's own blanks stand between the backticks.
                let plain = |cell: &str| cell.trim_matches('`').to_string();
                let (source, target, column) = (plain(source), plain(target), plain(column));
                examples.push(Example { line: line + 1, text, source, target, column, verdict: verdict.to_string() });
            }
        }
    }
    examples
}

fn project(examples: &[Example]) -> Tieout {
    let tieout = Tieout::new();
    let (mut datasets, mut rules) = (String::new(), String::new());
    for Example { line, text, source, target, column, .. } in examples {
        let sql = |value: &str| format!("SELECT 1 AS id, {value} AS x").replace('\'', "''");
        match text {
            true => {
                tieout.file(&format!("{line}.csv"), &format!("id,x\n1,{}\n", quoted(source)));
                writeln!(datasets, "  s{line}: {{csv: {line}.csv}}").unwrap();
            }
            false => writeln!(datasets, "  s{line}: {{sql: '{}'}}", sql(source)).unwrap(),
        }
        writeln!(datasets, "  t{line}: {{sql: '{}'}}", sql(target)).unwrap();
        let columns = if column.is_empty() { String::new() } else { format!(", columns: {{x: {{{column}}}}}") };
        writeln!(rules, "  r{line}: {{source: s{line}, target: t{line}, key: id{columns}}}").unwrap();
    }
    tieout.file("tieout.yaml", &format!("datasets:\n{datasets}rules:\n{rules}"));
    tieout
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

/// In the words of the page.
fn verdict(rule: &Value, unreadable: bool) -> String {
    let column = rule["columns"].as_array().unwrap().first();
    let mut words = if !rule["schema"]["type_differs"].as_array().unwrap().is_empty() {
        "schema_mismatch".to_string()
    } else if unreadable {
        "unreadable".to_string()
    } else if rule["rows"]["equal"] == 1 {
        "equal".to_string()
    } else if rule["rows"]["value_mismatch"] == 1 {
        "differs".to_string()
    } else {
        format!("{rule}")
    };
    if column.is_some_and(|column| column["within_tolerance"] == 1) {
        words.push_str(", within tolerance");
    }
    if !rule["notes"].as_array().unwrap().is_empty() {
        words.push_str(", with a note");
    }
    words
}

#[test]
fn the_examples_of_what_equal_means_hold() {
    let (errors, others): (Vec<Example>, Vec<Example>) = examples().into_iter().partition(|e| e.verdict == "error");
    assert!(errors.len() == 1 && others.len() > 45, "{} and {} examples", errors.len(), others.len());
    let error = project(&errors).run(["run", "--format", "json"]).exits(2).json();
    assert_eq!(error["error"]["kind"], "schema", "{error}");

    let tieout = project(&others);
    let summary = tieout.run(["run", "--format", "json"]).exits(1);
    let mut wrong = String::new();
    for example in others {
        let rule = summary.rule(&format!("r{}", example.line));
        let table = crate::support::data::read_parquet(&tieout.path(rule["divergences"].as_str().unwrap()));
        let rows = crate::support::data::rows(&table, &["unreadable"]);
        let said = verdict(&rule, rows.iter().any(|row| row.contains("source")));
        if said != example.verdict {
            writeln!(wrong, "docs/reference/equal.md:{}: {said}, not {}", example.line, example.verdict).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
