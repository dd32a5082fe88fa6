//! `tieout show`: a rule, a run or a divergence in full, by as much of its name as is enough.

use serde_json::{Value, json};

use crate::support::tieout::Tieout;

/// Runs a story of one rule: 1 differs, then in another way, is gone, and comes back; 2 cannot be read; 3 is missing.
fn story() -> Tieout {
    let tieout = Tieout::new().env("TIEOUT_ACTOR", "ann");
    tieout.file(
        "tieout.yaml",
        "datasets:\n  s: {csv: {path: s.csv, columns: {id: int, v: int, name: utf8}}}\n  t: {csv: {path: t.csv, columns: {id: int, v: int, name: utf8}}}\n\
         rules:\n  lines: {source: s, target: t, key: id, owner: desk, allow: {rows: 10}}\n",
    );
    tieout.file("s.csv", "id,v,name\n1,10,one\n2,20,two\n3,30,three\n");
    for value in ["11", "12", "10", "12"] {
        tieout.file("t.csv", &format!("id,v,name\n1,{value},one\n2,2x,tw\u{1b}[2Jo\n"));
        tieout.run(["run", "-q"]).exits(0);
    }
    tieout
}

fn show(tieout: &Tieout, name: &str) -> Value {
    tieout.run(["show", name, "--format", "json"]).exits(0).json()
}

fn sql(tieout: &Tieout, query: &str) -> Vec<String> {
    let told = tieout.run(["sql", "--format", "csv", query]).exits(0).stdout;
    told.lines().skip(1).map(String::from).collect()
}

fn id_of(tieout: &Tieout, id: i64) -> String {
    sql(tieout, &format!("SELECT divergence_id FROM history.lines WHERE id = {id}")).remove(0)
}

fn runs(tieout: &Tieout) -> Vec<String> {
    sql(tieout, "SELECT run_id FROM runs ORDER BY started_at")
}

/// Lines with one blank between words, without times and ids, which are others each time.
fn steady(text: &str) -> String {
    let is = |word: &str, like: &str| {
        word.len() == like.len()
            && word.bytes().zip(like.bytes()).all(|(byte, like)| match like {
                b'0' => byte.is_ascii_digit(),
                b'x' => byte.is_ascii_hexdigit(),
                like => byte == like,
            })
    };
    let word = |word: &str| {
        let bare = word.trim_end_matches([',', ':', ';']);
        let shapes = [
            ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "ID"),
            ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ID"),
            ("0000-00-00", "DAY"),
            ("00:00:00Z", "TIME"),
        ];
        let known = shapes.into_iter().find(|(like, _)| is(bare, like)).map_or(bare, |(_, name)| name);
        format!("{known}{}", &word[bare.len()..])
    };
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

#[test]
fn a_divergence_and_its_life() {
    let tieout = story();
    let first = id_of(&tieout, 1);
    tieout.run(["ack", &first, "--note", "a\u{1b}[2Jb", "--until", "2999-12-31"]).exits(0);
    let said = tieout.run(["show", &first[..8].to_uppercase()]).exits(0).stdout;
    insta::assert_snapshot!(steady(&said).replace("0 s ago", "AGO").replace("1 s ago", "AGO").replace("2 s ago", "AGO"), @r"
    ID: value_mismatch in lines, reopened

    key id 1
    stands on both sides
    first seen DAY TIME, AGO
    last seen DAY TIME, in 3 runs

    column source target
    <> v 10 12
    name 'one' 'one'

    when found kind run
    DAY TIME first seen value_mismatch ID
    DAY TIME seen value_mismatch ID
    target_v 11 -> 12
    DAY TIME resolved ID
    DAY TIME reopened value_mismatch ID

    acknowledged DAY TIME by ann until DAY: a\u{1b}[2Jb; in force
    ");
    let told = show(&tieout, &first);
    assert_eq!(
        (&told["shows"], &told["state"], &told["runs_seen"]),
        (&json!("divergence"), &json!("reopened"), &json!(3))
    );
    assert_eq!(told["key"], json!([{"column": "id", "value": "1"}]));
    assert_eq!(
        told["cells"],
        json!([
            {"column": "v", "source": "10", "target": "12", "unreadable": {"source": null, "target": null}, "differs": true},
            {"column": "name", "source": "one", "target": "one", "unreadable": {"source": null, "target": null}, "differs": false},
        ])
    );
    let found: Vec<&str> =
        told["life"].as_array().unwrap().iter().map(|step| step["found"].as_str().unwrap()).collect();
    assert_eq!(found, ["first_seen", "seen", "resolved", "reopened"]);
    let ids: Vec<&str> = told["life"].as_array().unwrap().iter().map(|step| step["run_id"].as_str().unwrap()).collect();
    assert_eq!(ids, runs(&tieout));
    assert_eq!(told["life"][1]["changes"], json!([{"column": "target_v", "before": "11", "after": "12"}]));
    assert_eq!(told["life"][3]["changes"], json!([]), "as it was when it was last seen");
    assert_eq!(
        (&told["acknowledgements"][0]["by"], &told["acknowledgements"][0]["state"]),
        (&json!("ann"), &json!("in_force"))
    );
    // The state is what history says of it.
    let state = sql(&tieout, &format!("SELECT state, runs_seen FROM history.lines WHERE divergence_id = '{first}'"));
    assert_eq!(state, ["reopened,3"]);
    let short = tieout.run(["show", &first, "--limit", "1"]).exits(0).stdout;
    assert!(
        short.contains("  3 lines before; --limit shows more\n") && !short.contains("first seen  value"),
        "{short}"
    );
}

/// Cells that cannot be read, rows of one side, and text that would steer the terminal.
#[test]
fn cells_of_every_kind() {
    let tieout = story();
    let second = tieout.run(["show", &id_of(&tieout, 2)]).exits(0).stdout;
    assert!(!second.contains('\u{1b}'), "{second}");
    let lines: Vec<&str> = second.lines().filter(|line| line.starts_with("  <>")).collect();
    assert_eq!(lines, ["  <>  v       20      unreadable '2x'", "  <>  name    'two'   E'tw\\u{1b}[2Jo'"]);
    let told = show(&tieout, &id_of(&tieout, 2));
    assert_eq!((&told["cells"][0]["target"], &told["cells"][0]["unreadable"]["target"]), (&Value::Null, &json!("2x")));
    let third = tieout.run(["show", &id_of(&tieout, 3)]).exits(0).stdout;
    assert!(third.contains("  stands      only in the source\n") && !third.contains("<>"), "{third}");
    assert!(third.contains("    v       30\n"), "{third}");
    // Columns that one side does not have, and rows of a query.
    tieout.file("s.csv", "id,v,name,w\n1,10,one,1\n");
    tieout.file("queries/much.sql", "-- key: id\nSELECT id, v * 100 AS much, name FROM s\n");
    tieout.run(["run", "-q"]).exits(1);
    let schema = sql(&tieout, "SELECT divergence_id FROM history.lines WHERE kind = 'schema_mismatch'").remove(0);
    let said = tieout.run(["show", &schema]).exits(0).stdout;
    assert!(said.contains("  column      w, only in the source\n"), "{said}");
    let row = sql(&tieout, "SELECT divergence_id FROM history.much").remove(0);
    let told = show(&tieout, &row);
    assert_eq!(told["key"], json!([{"column": "id", "value": "1"}]));
    assert_eq!(told["columns"], json!([{"column": "much", "value": "1000"}, {"column": "name", "value": "one"}]));
    assert!(tieout.run(["show", &row]).exits(0).stdout.contains("  much  1000\n  name  'one'\n"));
}

#[test]
fn a_rule() {
    let tieout = story();
    tieout.run(["ack", "--rule", "lines", "--where", "id = 2", "--note", "unreadable"]).exits(0);
    tieout.run(["run", "-q"]).exits(0);
    let said = steady(&tieout.run(["show", "lines"]).exits(0).stdout);
    for line in [
        "source s, 3 rows",
        "key id",
        "owner desk",
        "value_mismatch 2",
        "acknowledged 1",
        "budget 20 % used (2 rows)",
        "persisting missing_in_target 1",
        "reopened value_mismatch 1",
        "lines DAY TIME ann 1 1 unreadable",
    ] {
        let there = said.lines().any(|told| told == line);
        // What was seen in two runs in a row after it came back persists.
        assert!(there || line.starts_with("reopened"), "{line}: {said}");
    }
    let told = show(&tieout, "lines");
    assert_eq!((&told["shows"], &told["runs"], &told["last"]["rule"]), (&json!("rule"), &json!(5), &json!("lines")));
    assert_eq!((&told["last"]["value_mismatch"], &told["last"]["acknowledged"]), (&json!(2), &json!(1)));
    assert_eq!((&told["budget"]["used_rows"], &told["acknowledgements"][0]["in_force"]), (&json!(2), &json!(1)));
    let open: u64 = told["open"].as_array().unwrap().iter().map(|open| open["divergences"].as_u64().unwrap()).sum();
    assert_eq!(open, 3);
    assert_eq!(told["last"]["key"], json!(["id"]));
    assert_eq!(told["last"]["source_inputs"].as_array().unwrap().len(), 1);
    // Without the project, its budget is not known.
    let bare = tieout.run(["show", "lines", "--out", "out", "--project", "nowhere", "--format", "json"]);
    assert_eq!(bare.code, Some(2), "a project that is named must be there");
    std::fs::remove_file(tieout.path("tieout.yaml")).unwrap();
    let bare = tieout.run(["show", "lines", "--out", "out", "--format", "json"]).exits(0).json();
    assert_eq!(bare["budget"], Value::Null);
}

#[test]
fn a_run() {
    let tieout = story();
    let runs = runs(&tieout);
    let told = show(&tieout, &runs[1]);
    assert_eq!(
        (&told["shows"], &told["run_id"], &told["outcome"]),
        (&json!("run"), &json!(runs[1]), &json!("reconciled"))
    );
    assert_eq!((&told["rules"][0]["rule"], &told["rules"][0]["guarantee"]), (&json!("lines"), &json!("digest128")));
    let kinds: Vec<&Value> = told["ledger"].as_array().unwrap().iter().map(|entry| &entry["event"]["type"]).collect();
    assert_eq!(kinds, ["run_started", "run_finished"]);
    let input = &told["rules"][0]["target_inputs"][0];
    assert!(input["url"].as_str().unwrap().ends_with("t.csv") && input["size"].as_u64().is_some(), "{input}");
    let said = tieout.run(["show", &runs[1][..23]]).exits(0).stdout;
    assert!(said.starts_with(&format!("run {}: reconciled, 1 rule, ", runs[1])), "{said}");
    assert!(said.contains("note: divergences: 3, within the budget of 10 rows"), "{said}");
    assert!(said.contains(&format!("ann  run {} finished: reconciled, 3 divergences\n", runs[1])), "{said}");
    // Results from before the ledger.
    std::fs::remove_dir_all(tieout.path("out/ledger")).unwrap();
    assert_eq!(show(&tieout, &runs[1])["ledger"], json!([]));
}

#[test]
fn names_that_mean_nothing_or_several() {
    let tieout = story();
    let said = |name: &str| tieout.run(["show", name]).exits(2).stderr;
    let (first, runs) = (id_of(&tieout, 1), runs(&tieout));
    assert!(said("line").contains("did you mean the rule `lines`?"), "{}", said("line"));
    let mistyped = |id: &str, at: usize| {
        let mut id = id.to_string();
        id.replace_range(at..at + 1, if id.as_bytes()[at] == b'0' { "1" } else { "0" });
        id
    };
    let near = said(&mistyped(&first, 20));
    assert!(near.contains(&format!("did you mean the divergence `{first}` of `lines`?")), "{near}");
    let near = said(&mistyped(&runs[0], 35));
    assert!(near.contains("did you mean the run `") && near.contains("there is no rule, run or divergence"), "{near}");
    assert!(said("zzzzzzzzzzzzzzz").contains("`tieout status` shows the rules"));
    assert!(said("\u{1b}[2J").contains("there is no rule, run or divergence"));
    let several = said(&runs[0][..8]);
    assert!(
        several.contains("several ids begin with") && several.contains(&format!("the run `{}`", runs[3])),
        "{several}"
    );
    // A rule goes before the ids that begin like its name.
    let yaml = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    let rule = first[..8].to_string();
    tieout.file("tieout.yaml", &format!("{yaml}  \"{rule}\": {{source: s, target: s, key: id}}\n"));
    assert!(said(&rule).contains("never ran"));
    tieout.run(["run", &rule, "-q"]).exits(0);
    assert_eq!(show(&tieout, &rule)["shows"], "rule");
    assert_eq!(show(&tieout, &first[..9])["shows"], "divergence");
    let empty = Tieout::new();
    assert!(
        empty
            .run(["show", "lines", "--out", "nowhere"])
            .exits(2)
            .stderr
            .contains("there is no rule, run or divergence")
    );
    let json = empty.run(["show", "lines", "--out", "nowhere", "--format", "json"]).exits(2).json();
    assert_eq!(json["error"]["kind"], "not_found");
}
