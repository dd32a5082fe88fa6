//! What `diff` and `run` print: the JSON document to the letter, text in its shades, and what a pipe or a full line does to it.

use std::process::Stdio;

use super::project;
use crate::support::data;
use crate::support::tieout::Tieout;

/// What differs from run to run, made the same.
fn settled(json: &str, run_id: &str) -> String {
    let varies = ["\"elapsed_ms\"", "\"rows_per_second\"", "\"bytes_per_second\""];
    let number = |line: &str| match varies.iter().any(|key| line.trim_start().starts_with(key)) {
        true => format!("{}: 0{}", line.split(':').next().unwrap(), if line.ends_with(',') { "," } else { "" }),
        false => line.to_string(),
    };
    let lines: Vec<String> = json.replace(run_id, "RUN").lines().map(number).collect();
    lines.join("\n")
}

/// DESIGN's document: its names in its order.
#[test]
fn the_json_document() {
    let tieout = project();
    let finished = tieout.run(["run", "lines", "--format", "json"]).exits(1);
    let summary = finished.json();
    let run_id = summary["run_id"].as_str().unwrap();
    assert_eq!(run_id.len(), 36);
    let started = summary["started_at"].as_str().unwrap();
    let text = settled(&finished.stdout, run_id).replace(started, "STARTED");
    insta::assert_snapshot!(text.replace(tieout.dir().to_str().unwrap(), "DIR"));
    assert_eq!(finished.stderr, "");
}

#[test]
fn text_for_people() {
    let tieout = project();
    let finished = tieout.run(["run"]).exits(1);
    let run = tieout.run(["sql", "SELECT max(run_id) AS id FROM runs", "--format", "csv"]).stdout;
    let text =
        finished.stdout.replace(run.lines().nth(1).unwrap(), "RUN").replace(tieout.dir().to_str().unwrap(), "DIR");
    let lines: Vec<String> = text.lines().map(timeless).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(finished.stderr, "");
}

/// A line without the time at its end, which also makes its column wider or narrower.
fn timeless(line: &str) -> String {
    let number = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
    match line.strip_suffix(" ms").or_else(|| line.strip_suffix(" s")) {
        Some(rest) if number(rest) => {
            format!("{} TIME", rest.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end())
        }
        _ => line.strip_suffix("time").map_or_else(|| line.to_string(), |rest| format!("{} time", rest.trim_end())),
    }
}

#[test]
fn quiet_is_one_line_a_rule() {
    let finished = project().run(["run", "-q"]).exits(1);
    assert_eq!(
        finished.stdout,
        "lines: DIVERGED, 1 of 3 rows equal (33.33 %)\n\
         day-end.sums: DIVERGED, 0 of 1 group equal (0 %)\n\
         large: DIVERGED, 1 row violates it\n"
    );
    assert_eq!(finished.stderr, "");
}

/// `-v` tells what is done, on stderr; the report stays as it is.
#[test]
fn verbose_logs_to_stderr() {
    let finished = project().run(["run", "lines", "-v", "--format", "json"]).exits(1);
    finished.json();
    for words in ["comparing rule=\"lines\"", "compared rule=\"lines\" outcome=\"diverged\""] {
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
}

#[test]
fn a_limit_bounds_what_is_shown_and_nothing_else() {
    let tieout = Tieout::new();
    tieout.file("a.csv", &(1..=30).fold("id,n\n".into(), |csv, n| format!("{csv}{n},{n}\n")));
    tieout.file("b.csv", "id,n\n");
    for (limit, shown) in [("0", 0), ("1", 1), ("7", 7), ("1000", 30)] {
        let args = ["diff", "a.csv", "b.csv", "-k", "id", "--limit", limit, "--out", "out"];
        let text = tieout.run(args).exits(1).stdout;
        assert_eq!(text.matches(": missing_in_target").count(), shown, "{text}");
        let rule = tieout.run(args.iter().chain(&["--format", "json"])).exits(1).rule("diff");
        assert_eq!(rule["rows"]["missing_in_target"], 30);
        assert_eq!(data::read_parquet(&tieout.path(rule["divergences"].as_str().unwrap())).num_rows(), 30);
    }
}

#[test]
fn exit_codes() {
    let tieout = project();
    tieout.run(["diff", "bank.csv", "bank.csv", "-k", "id"]).exits(0);
    tieout.run(["diff", "bank.csv", "ledger.parquet", "-k", "id"]).exits(1);
    tieout.run(["diff", "bank.csv", "nowhere.csv", "-k", "id"]).exits(2);
    tieout.run(["diff", "bank.csv"]).exits(2);
    tieout.run(["frobnicate"]).exits(2);
    tieout.run([""; 0]).exits(2);
    tieout.run(["--help"]).exits(0);
    tieout.run(["--version"]).exits(0);
}

/// Usage errors, too, are told to a program in its own way.
#[test]
fn wrong_arguments_as_json() {
    let finished = project().run(["diff", "a.csv", "b.csv", "--format", "json", "--tolerence", "id=1"]).exits(2);
    insta::assert_snapshot!(finished.stdout, @r#"
    {
      "error": {
        "kind": "usage",
        "message": "unexpected argument '--tolerence' found",
        "hint": "a similar argument exists: '--tolerance'"
      }
    }
    "#);
    assert!(finished.stderr.contains("a similar argument exists: '--tolerance'"), "{}", finished.stderr);
}

/// `| head -1`: the reader goes, and that is no error.
#[test]
fn a_closed_pipe() {
    let tieout = project();
    for args in [
        vec!["run"],
        vec!["run", "--format", "json"],
        vec!["schema"],
        vec!["completions", "bash"],
        vec!["sql", "SELECT * FROM generate_series(1, 1000000)"],
        vec!["sql", "SELECT * FROM generate_series(1, 1000000)", "--format", "csv"],
        vec!["sql", "SELECT * FROM generate_series(1, 1000000)", "--format", "json"],
    ] {
        let mut child = tieout.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let wanted = if args[0] == "run" { 1 } else { 0 };
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(wanted), b"".as_slice()),
            "{args:?} {output:?}"
        );
    }
}

#[test]
fn colours_only_where_they_are_wanted() {
    let tieout = project().env("NO_COLOR", "").env("CLICOLOR_FORCE", "1");
    assert!(tieout.run(["run"]).exits(1).stdout.contains("\u{1b}["), "CLICOLOR_FORCE asks for colour");
    for plain in [project(), project().env("NO_COLOR", "1").env("TERM", "dumb")] {
        let finished = plain.run(["run"]).exits(1);
        assert!(!finished.stdout.contains('\u{1b}') && !finished.stderr.contains('\u{1b}'), "{finished:?}");
    }
}
