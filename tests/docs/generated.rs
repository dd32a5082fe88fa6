//! Parts of pages between `<!-- generated: NAME -->` and `<!-- end -->`, made from the program itself.

use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};

use super::normal::{matches, with_stable_folder};
use super::{Page, schema, sql};
use crate::support::data;
use crate::support::tieout::Tieout;

const END: &str = "<!-- end -->";

/// The page's text with every generated part as it should be.
pub fn renewed(page: &Page) -> String {
    let mut out = String::new();
    let mut rest = page.text.as_str();
    while let Some((before, after)) = rest.split_once("<!-- generated: ") {
        let (name, after) =
            after.split_once(" -->\n").unwrap_or_else(|| panic!("{}: a marker is not closed", page.name));
        let (old, after) = after.split_once(END).unwrap_or_else(|| panic!("{}: {name} has no end", page.name));
        let new = part(name, &page.name);
        let kept = if matches(old, &new) { old } else { &new };
        out.push_str(&format!("{before}<!-- generated: {name} -->\n{kept}{END}"));
        rest = after;
    }
    out + rest
}

fn part(name: &str, page: &str) -> String {
    match name.split_once(' ').unwrap_or((name, "")) {
        ("help", command) => help(command),
        ("quickstart", "") => quickstart(),
        ("project-file", "") => schema::tables(&tieout::project::json_schema()),
        ("sql-functions", "") => sql::functions(),
        ("runs-table", "") => columns(&tieout::divergence::run_record_schema()),
        ("divergence-table", rule) => divergence_table(rule),
        _ => panic!("{page}: nobody knows how to generate `{name}`"),
    }
}

fn fenced(text: &str) -> String {
    format!("```text\n{}\n```\n", text.trim_end())
}

fn help(command: &str) -> String {
    fenced(&Tieout::new().run(command.split_whitespace().chain(["--help"])).exits(0).stdout)
}

fn quickstart() -> String {
    let tieout = Tieout::new();
    let example = crate::support::root().join("examples/quickstart");
    crate::support::copy_dir(&example, &tieout.path("examples/quickstart"));
    let finished = tieout.run(["run", "--project", "examples/quickstart"]).exits(1);
    fenced(&with_stable_folder(&finished.stdout, tieout.dir()))
}

/// The table that the quickstart really writes.
fn divergence_table(rule: &str) -> String {
    let tieout = Tieout::in_example("quickstart");
    let summary = tieout.run(["run", rule, "--format", "json"]).exits(1);
    let path = summary.rule(rule)["divergences"].as_str().unwrap().to_string();
    columns(&data::read_parquet(&tieout.path(&path)).schema())
}

fn columns(schema: &SchemaRef) -> String {
    let rows = schema.fields().iter().map(|field| format!("| `{}` | {} |\n", field.name(), described(field)));
    format!("| Column | Type |\n|---|---|\n{}", rows.collect::<String>())
}

fn described(field: &Field) -> String {
    format!("{}{}", type_name(field.data_type()), if field.is_nullable() { "" } else { ", never NULL" })
}

/// A type as the reader of a table says it.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::UInt64 | DataType::UInt32 => "whole number".into(),
        DataType::Date32 => "date".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Timestamp(_, Some(_)) => "instant (UTC)".into(),
        DataType::List(item) => format!("list of {}", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| format!("`{}` {}", field.name(), type_name(field.data_type())));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
