//! The subcommands beside `diff` and `run`, and the help of all.

use super::project;
use crate::support::tieout::Tieout;
use crate::support::{python, root};

#[test]
fn help() {
    let tieout = Tieout::new();
    let mut all = tieout.run(["--help"]).exits(0).stdout;
    for command in [
        "diff",
        "run",
        "check",
        "compile",
        "sql",
        "status",
        "history",
        "compare",
        "causes",
        "report",
        "init",
        "schema",
        "completions",
        "expire",
        "repair",
        "ledger",
        "keys",
    ] {
        let help = tieout.run([command, "--help"]).exits(0);
        assert_eq!(help.stderr, "");
        all.push_str(&format!("\n--- {command} ---\n{}", help.stdout));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn version() {
    assert_eq!(Tieout::new().run(["--version"]).exits(0).stdout, format!("tieout {}\n", env!("CARGO_PKG_VERSION")));
}

/// The first commands of a newcomer.
#[test]
fn init_makes_a_project_that_runs() {
    let tieout = Tieout::new();
    let made = tieout.run(["init", "demo"]).exits(0);
    assert!(made.stdout.contains("tieout run"), "it says what to do next: {}", made.stdout);
    tieout.run(["check", "--project", "demo"]).exits(0);
    tieout.run(["check", "--online", "--project", "demo"]).exits(0);
    let run = tieout.run(["run", "--project", "demo", "--format", "json"]).exits(1);
    for rule in run.json()["rules"].as_array().unwrap() {
        tieout.run(["compile", rule["rule"].as_str().unwrap(), "--project", "demo"]).exits(0);
    }
    // A second time it would overwrite somebody's work.
    let again = tieout.run(["init", "demo"]).exits(2);
    assert!(again.stderr.contains("tieout.yaml") && again.stderr.contains("hint: "), "{}", again.stderr);
}

#[test]
fn check_offline_and_online() {
    let tieout = project();
    let offline = tieout.run(["check"]).exits(0);
    assert_eq!(offline.stdout, "The project is valid: 2 datasets, 3 rules.\n");
    let online = tieout.run(["check", "--online"]).exits(0).stdout;
    let lines: Vec<Vec<&str>> = online.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["dataset", "connector", "columns", "rows", "files", "size"]);
    assert_eq!(lines[2][..4], ["bank", "csv", "3", "1"], "{online}");
    assert_eq!(lines[3][..5], ["ledger", "parquet", "3", "2", "1"], "{online}");
    assert!(online.ends_with("The project is valid: 2 datasets, 3 rules; every dataset opens.\n"), "{online}");
    assert!(!tieout.path("out").exists(), "check writes nothing");

    // What only opening shows.
    std::fs::remove_file(tieout.path("ledger.parquet")).unwrap();
    tieout.run(["check"]).exits(0);
    let missing = tieout.run(["check", "--online"]).exits(2);
    assert!(missing.stderr.contains("dataset ledger"), "{}", missing.stderr);
}

/// What a rule compiles to is SQL of the engine: it runs, and gives the divergences.
#[test]
fn compile_gives_sql_that_runs() {
    let tieout = project();
    for (rule, rows) in [("lines", 2), ("day-end.sums", 1), ("large", 1)] {
        let sql = tieout.run(["compile", rule]).exits(0).stdout;
        let rowed = tieout.run_with_input(["sql", "--format", "csv"], &sql).exits(0).stdout;
        assert_eq!(rowed.lines().count() - 1, rows, "{rule}: {sql}\n{rowed}");
        assert!(!tieout.run(["compile", rule, "--portable"]).exits(0).stdout.is_empty());
    }
    let unknown = tieout.run(["compile", "line"]).exits(2);
    assert_eq!(unknown.stderr, "error: there is no rule `line`\nhint: did you mean `lines`?\n");
}

/// The schema describes the projects that we publish, and refuses what `check` refuses.
#[test]
fn schema() {
    let tieout = project();
    let schema = tieout.run(["schema"]).exits(0);
    std::fs::write(tieout.path("schema.json"), &schema.stdout).unwrap();
    tieout.file("unknown.yaml", "datasets:\n  a: {csv: {path: a.csv, delimeter: ';'}}\n");
    tieout.file("wrong.yaml", "rules: 7\n");
    let examples =
        ["quickstart", "flights", "object_storage"].map(|name| root().join("examples").join(name).join("tieout.yaml"));
    let mut files = vec![tieout.path("schema.json"), tieout.path("tieout.yaml")];
    files.extend(examples);
    files.extend(["unknown.yaml", "wrong.yaml"].map(|name| tieout.path(name)));
    // YAML without a YAML library: our own reader has checked the syntax; Python has none in the tests' environment.
    let script = "
        import json, sys
        import jsonschema
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for document in sys.argv[2:]:
            print('valid' if validator.is_valid(json.loads(document)) else 'refused')
    ";
    let documents: Vec<String> =
        files[1..].iter().map(|file| as_json(&std::fs::read_to_string(file).unwrap())).collect();
    let mut args = vec![files[0].to_str().unwrap().to_string()];
    args.extend(documents);
    let answers = python::run(script, args);
    assert_eq!(answers.lines().collect::<Vec<_>>(), ["valid", "valid", "valid", "valid", "refused", "refused"]);
}

fn as_json(yaml: &str) -> String {
    let value: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
    value.to_string()
}

#[test]
fn completions() {
    let tieout = Tieout::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = tieout.run(["completions", shell]).exits(0).stdout;
        assert!(script.contains("tieout") && script.contains("tolerance"), "{shell}: {script}");
    }
    let script = tieout.run(["completions", "bash"]).stdout;
    std::fs::write(tieout.path("complete"), script).unwrap();
    let ask =
        "source complete && COMP_WORDS=(tieout di) COMP_CWORD=1 && _tieout tieout di tieout && echo ${COMPREPLY[@]}";
    let bash = tieout.program("/bin/bash".as_ref(), ["-c", ask]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&bash.stdout), "diff\n", "{bash:?}");
}
