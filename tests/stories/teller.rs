//! Runs a story under every strategy and tells what was found, in the words that end a story: outcome and counts, cells,
//! schema, notes, and the divergence table with its types; or the error and its hint.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;

use super::story::Story;
use crate::support::data;
use crate::support::tieout::{Finished, Tieout};

const STRATEGIES: [&str; 4] = ["digest", "join", "merge", "bytes"];
const COUNTS: [&str; 8] = [
    "source",
    "target",
    "equal",
    "value_mismatch",
    "missing_in_target",
    "missing_in_source",
    "duplicate_key",
    "rule_violation",
];
/// Columns of every divergence table whose types need no word.
const OURS: [&str; 4] = ["kind", "side", "changed_columns", "unreadable"];

/// What every strategy finds; fails if they do not agree, in the divergences' ids either.
pub fn tell(story: &Story) -> String {
    let tieout = Tieout::new();
    for file in &story.files {
        let path = tieout.path(&file.name);
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("parquet") => data::parquet(&path, &file.text),
            Some("arrow") => data::arrow(&path, &file.text),
            _ => {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, file.content()).unwrap();
            }
        }
    }
    let mut told = STRATEGIES.map(|strategy| (strategy, run(&tieout, story, strategy))).into_iter();
    let (first, expected) = told.next().unwrap();
    for (strategy, found) in told {
        assert_eq!(expected, found, "`{}`: {first} finds the left, {strategy} the right", story.name);
    }
    expected.found
}

/// What a run found, and the ids of its divergences, which a story does not show.
#[derive(Debug, PartialEq)]
struct Told {
    found: String,
    ids: Vec<String>,
}

fn run(tieout: &Tieout, story: &Story, strategy: &str) -> Told {
    let mut words = story.words();
    assert_eq!(words.remove(0), "tieout", "`{}`", story.command);
    words.extend(["--strategy", strategy, "--format", "json", "--out", strategy].map(String::from));
    let finished = tieout.run(&words);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    let summary = finished.json();
    let dir = tieout.dir().to_string_lossy().into_owned();
    if let Some(error) = summary.get("error") {
        assert_eq!(finished.code, Some(2), "{}", story.name);
        assert_ne!(error["kind"], "internal", "`{}` by {strategy}: {error:#}\n{}", story.name, finished.stderr);
        let mut found = format!("error {}: {}\n", text(&error["kind"]), text(&error["message"]));
        if let Some(hint) = error["hint"].as_str() {
            found.push_str(&format!("hint: {hint}\n"));
        }
        return Told { found: found.replace(&format!("{dir}/"), ""), ids: Vec::new() };
    }
    check_exit(&finished, &summary, &story.name);
    let rules = summary["rules"].as_array().unwrap();
    let (mut found, mut ids) = (String::new(), Vec::new());
    for rule in rules {
        if rules.len() > 1 {
            found.push_str(&format!("rule {}\n", text(&rule["rule"])));
        }
        let table = data::read_parquet(&tieout.path(rule["divergences"].as_str().unwrap()));
        check_counts(rule, &table, &story.name);
        found.push_str(&counts(rule));
        found.push_str(&divergences(&table));
        let column = table.column_by_name("divergence_id").unwrap();
        let mut own: Vec<String> = column.as_string::<i32>().iter().map(|id| id.unwrap().to_string()).collect();
        own.sort();
        let all = own.len();
        own.dedup();
        assert_eq!(all, own.len(), "`{}`: two divergences of one id", story.name);
        ids.extend(own);
    }
    Told { found: found.replace(&format!("{dir}/"), ""), ids }
}

fn check_exit(finished: &Finished, summary: &Value, story: &str) {
    let expected = match summary["outcome"].as_str() {
        Some("reconciled") => 0,
        Some("diverged") => 1,
        _ => 3,
    };
    assert_eq!(finished.code, Some(expected), "{story}\n{}", finished.stderr);
}

/// Every row of both sides is counted once, and the table has as many rows as were counted.
fn check_counts(rule: &Value, table: &RecordBatch, story: &str) {
    let count = |name: &str| rule["rows"][name].as_u64().unwrap_or(0);
    let kinds = table.column_by_name("kind").unwrap();
    let sides = table.column_by_name("side").unwrap();
    let written = |kind: &str, side: &[&str]| {
        let rows = kinds.as_string::<i32>().iter().zip(sides.as_string::<i32>().iter());
        rows.filter(|(k, s)| *k == Some(kind) && side.contains(&s.unwrap())).count() as u64
    };
    for kind in &COUNTS[3..] {
        assert_eq!(count(kind), written(kind, &["source", "target", "both"]), "{kind} of `{story}`");
    }
    if rule["kind"] != "sql" {
        let paired = count("equal") + count("value_mismatch");
        let source = paired + count("missing_in_target") + written("duplicate_key", &["source"]);
        let target = paired + count("missing_in_source") + written("duplicate_key", &["target"]);
        assert_eq!((count("source"), count("target")), (source, target), "conservation in `{story}`");
    }
}

fn counts(rule: &Value) -> String {
    let mut out = text(&rule["outcome"]);
    let mut before = ": ";
    for count in COUNTS {
        let rows = rule["rows"][count].as_u64().unwrap_or(0);
        if rows > 0 || (["source", "target"].contains(&count) && rule["kind"] != "sql") {
            out.push_str(&format!("{before}{rows} {count}"));
            before = ", ";
        }
    }
    out.push('\n');
    for column in rule["columns"].as_array().into_iter().flatten() {
        for (count, words) in [("value_mismatch", "differs"), ("within_tolerance", "is within tolerance")] {
            if column[count] != 0 {
                out.push_str(&format!("column {}: {words} in {}\n", text(&column["column"]), column[count]));
            }
        }
    }
    for (list, words) in [("only_in_source", "only in source"), ("only_in_target", "only in target")] {
        for column in rule["schema"][list].as_array().into_iter().flatten() {
            out.push_str(&format!("column {}: {words}\n", text(column)));
        }
    }
    for differs in rule["schema"]["type_differs"].as_array().into_iter().flatten() {
        let [column, source, target] = ["column", "source", "target"].map(|name| text(&differs[name]));
        out.push_str(&format!("column {column}: {source} in source, {target} in target\n"));
    }
    for note in rule["notes"].as_array().into_iter().flatten() {
        out.push_str(&format!("note: {}\n", timeless(&text(note))));
    }
    out
}

/// `settle` tells the moment it counted back to, which is another one in every run.
fn timeless(note: &str) -> String {
    match note.split_once(" is later than ").and_then(|(before, rest)| Some((before, rest.split_once(' ')?))) {
        Some((before, (_, after))) => format!("{before} is later than MOMENT {after}"),
        None => note.to_string(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// The table less the ids; nothing where it has no rows.
fn divergences(table: &RecordBatch) -> String {
    let schema = table.schema();
    let shown: Vec<usize> = (0..table.num_columns())
        .filter(|i| !["run_id", "divergence_id"].contains(&schema.field(*i).name().as_str()))
        .collect();
    let head = shown.iter().map(|i| match schema.field(*i) {
        field if OURS.contains(&field.name().as_str()) => field.name().clone(),
        field => format!("{}:{}", field.name(), field.data_type()),
    });
    let mut lines = vec![head.collect::<Vec<_>>()];
    for row in 0..table.num_rows() {
        lines.push(shown.iter().map(|i| cell(table.column(*i), row)).collect());
    }
    if lines.len() == 1 {
        return String::new();
    }
    let width = |i: usize| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..shown.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join(" | ").trim_end())
    };
    lines.iter().map(line).collect()
}

/// Text stands in quotes where it could be taken for something else.
fn cell(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "NULL".into();
    }
    let options = FormatOptions::default().with_null("NULL").with_display_error(false);
    let text = ArrayFormatter::try_new(column.as_ref(), &options).unwrap().value(row).to_string();
    let is_text = matches!(column.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let escaped: String =
        text.chars().map(|c| if "'\"".contains(c) { c.to_string() } else { c.escape_debug().to_string() }).collect();
    let plain = text.trim() == text && !text.is_empty() && text != "NULL" && !text.contains('|') && text == escaped;
    if is_text && !plain { format!("'{escaped}'") } else { escaped }
}

/// A reader of stories may be wrong, too.
#[test]
fn a_story_that_tells_another_end_is_found_out() {
    let tieout = Tieout::new();
    let path = tieout.file(
        "one.story",
        "
        === one cell
        $ tieout diff source.parquet target.csv --key 'id'
        --- source.parquet
        id:int64, v:utf8
        1 | a
        --- target.csv (escaped)
        \\u{feff}id,v\\r\\n
        1,b
        --- finds
        reconciled: 1 source, 1 target, 1 equal
        ",
    );
    let chapter = super::story::Chapter::read(&path);
    let found = tell(&chapter.stories[0]);
    assert_eq!(chapter.stories[0].finds, "reconciled: 1 source, 1 target, 1 equal\n");
    assert_eq!(
        found,
        "diverged: 1 source, 1 target, 1 value_mismatch\ncolumn v: differs in 1\n\
         kind           | side | id:Int64 | changed_columns | source_v:Utf8 | target_v:Utf8 | unreadable\n\
         value_mismatch | both | 1        | [v]             | a             | b             | NULL\n"
    );
}
