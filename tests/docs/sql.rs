//! The SQL functions: their reference, from what each says of itself; and their examples, which run.

use datafusion::logical_expr::Documentation;

use crate::support::tieout::Tieout;

/// What the public functions say of themselves, by name. Undocumented ones serve the engine only.
fn documented() -> Vec<(String, Documentation)> {
    let scalar = tieout::sql::scalar_functions();
    let aggregate = tieout::sql::aggregate_functions();
    let scalar = scalar.iter().filter_map(|f| Some((f.name().to_string(), f.documentation()?.clone())));
    let aggregate = aggregate.iter().filter_map(|f| Some((f.name().to_string(), f.documentation()?.clone())));
    let mut all: Vec<_> = scalar.chain(aggregate).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

pub fn functions() -> String {
    documented().iter().map(|(name, documentation)| section(name, documentation)).collect::<Vec<_>>().join("\n")
}

fn section(name: &str, documentation: &Documentation) -> String {
    let syntax = [documentation.syntax_example.clone()];
    let syntax = syntax.iter().chain(documentation.alternative_syntax.iter().flatten());
    let syntax: String = syntax.map(|syntax| format!("{syntax}\n")).collect();
    let mut out = format!("### `{name}`\n\n```sql\n{syntax}```\n\n{}\n", documentation.description);
    let arguments = documentation.arguments.iter().flatten();
    let rows: String = arguments.map(|(name, what)| format!("| `{name}` | {what} |\n")).collect();
    if !rows.is_empty() {
        out.push_str(&format!("\n| Argument | |\n|---|---|\n{rows}"));
    }
    if let Some(example) = &documentation.sql_example {
        out.push_str(&format!("\n{}\n", example.trim_end()));
    }
    out
}

/// Each query of an example, with the rows that it is shown to return; none where nothing is shown.
fn examples(documentation: &Documentation) -> Vec<(String, Vec<String>)> {
    let example = documentation.sql_example.clone().unwrap_or_default();
    let blocks = example.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap().to_string());
    blocks
        .map(|block| {
            let query = block.strip_prefix("> ").unwrap_or_else(|| panic!("no query in {block}"));
            let (query, rows) = query.split_once(';').unwrap_or_else(|| panic!("no `;` in {block}"));
            (query.to_string(), rows.lines().filter(|line| !line.is_empty()).map(String::from).collect())
        })
        .collect()
}

#[test]
fn the_examples_of_functions_run() {
    let tieout = Tieout::new();
    tieout.file("orders.csv", "order_id,amount\n1,2.50\n2,7.00\n");
    tieout.file("tieout.yaml", "datasets:\n  orders: {csv: {path: orders.csv, columns: {order_id: int}}}\n");
    let mut ran = 0;
    for (name, documentation) in documented() {
        let examples = examples(&documentation);
        assert!(!examples.is_empty(), "{name}() has no example");
        for (query, expected) in examples {
            let printed = tieout.run(["sql", "--format", "csv", &query]).exits(0).stdout;
            let rows: Vec<&str> = printed.lines().skip(1).collect();
            assert!(!rows.is_empty(), "{query} returns nothing");
            assert!(expected.is_empty() || rows == expected, "{query}\n  returns  {rows:?}\n  not      {expected:?}");
            ran += 1;
        }
    }
    assert!(ran >= 4, "only {ran} examples");
}
