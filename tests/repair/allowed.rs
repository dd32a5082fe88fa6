//! Who may repair what: approvals by people with keys, and what the policy allows by itself.

use rusqlite::Connection;

use super::sqlite::DATASETS;
use super::{Given, applied, planned, verified};
use crate::support::tieout::Tieout;

pub fn tables(policy: &str) -> (Tieout, Vec<String>) {
    let tieout = Tieout::new().env("TIEOUT_ACTOR", "petra@server");
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, amount INTEGER, iban TEXT);";
    let source = format!("{table} INSERT INTO t VALUES (1, 10, 'DE1'), (2, 20, 'DE2'), (3, 30, 'DE3'), (4, 40, NULL)");
    let target = format!("{table} INSERT INTO t VALUES (1, 11, 'DE1'), (2, 20, 'XX2'), (3, 30, 'DE3')");
    Connection::open(tieout.path("a.db")).unwrap().execute_batch(&source).unwrap();
    Connection::open(tieout.path("b.db")).unwrap().execute_batch(&target).unwrap();
    let keys: Vec<String> = ["anna", "omar"]
        .iter()
        .map(|name| tieout.run(["keys", "new", &format!("{name}.key")]).exits(0).stdout.trim().to_string())
        .collect();
    let rest = format!("repair:\n  approvers: {{anna: \"{}\", omar: \"{}\"}}\n{policy}", keys[0], keys[1]);
    let rule = "key: [id]\n    severity: critical\n    repair: {authority: source, value: amount}";
    Given { source: DATASETS[0], target: DATASETS[1], rule, rest: &rest }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    (tieout, keys)
}

pub fn approve(tieout: &Tieout, plan: &str, name: &str, key: &str, actor: &str, code: i32) -> String {
    let mut command = tieout.command(["repair", "approve", plan, "--as", name, "--key", key]);
    command.env("TIEOUT_ACTOR", actor);
    let ended = crate::support::tieout::Finished::of(command, None).exits(code);
    ended.stdout + &ended.stderr
}

pub fn untouched(tieout: &Tieout) {
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    let sum: i64 = connection.query_row("SELECT sum(amount) + count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(sum, 64, "something was changed");
}

#[test]
fn nothing_is_done_without_enough_people_and_never_by_who_proposed_it() {
    let (tieout, _) = tables("  policy: [{severity: critical, decide: approve, approvals: 2}]\n");
    let plan = planned(&tieout);
    let refused = |what: &str| {
        let ended = tieout.run(["repair", "apply", &plan]).exits(2);
        assert!(ended.stderr.contains(what), "{}", ended.stderr);
        untouched(&tieout);
    };
    refused("needs the approval of 2 people, and has that of 0");
    tieout.run(["repair", "apply", &plan, "--dry-run"]).exits(0);
    untouched(&tieout);
    assert!(approve(&tieout, &plan, "anna", "anna.key", "petra@server", 2).contains("has proposed the plan"));
    assert!(approve(&tieout, &plan, "anna", "omar.key", "anna@desk", 2).contains("not signed with the key"));
    assert!(approve(&tieout, &plan, "eve", "anna.key", "eve@desk", 2).contains("none of the project's approvers"));
    approve(&tieout, &plan, "anna", "anna.key", "anna@desk", 0);
    approve(&tieout, &plan, "anna", "anna.key", "anna@desk", 0);
    refused("has that of 1");
    approve(&tieout, &plan, "omar", "omar.key", "omar@desk", 0);
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    let shown = tieout.run(["repair", "show", &plan]).exits(0).stdout;
    assert!(shown.contains("approved by anna") && shown.contains("approved by omar"), "{shown}");
    verified(&tieout);
}

#[test]
fn what_was_edited_is_not_carried_out() {
    let (tieout, keys) = tables("");
    let plan = planned(&tieout);
    approve(&tieout, &plan, "anna", "anna.key", "anna@desk", 0);
    let folder = tieout.path("out").join("repairs").join(format!("plan={plan}"));
    for (file, what) in
        [("plan.json", "was changed after it was made"), ("actions.parquet", "were changed after it was made")]
    {
        let path = folder.join(file);
        let whole = std::fs::read(&path).unwrap();
        let mut edited = whole.clone();
        let at = edited.len() / 2;
        edited[at] ^= 1;
        std::fs::write(&path, &edited).unwrap();
        assert!(tieout.run(["repair", "apply", &plan]).exits(2).stderr.contains(what));
        tieout.run(["ledger", "verify"]).exits(1);
        std::fs::write(&path, &whole).unwrap();
    }
    // An approval that stands in an entry of the ledger, edited so that the entry's own sum still holds, has no signature that does.
    let project = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    std::fs::write(
        tieout.path("tieout.yaml"),
        project.replace(
            &keys[0],
            &keys[1].replace(&keys[1], "ed25519:0000000000000000000000000000000000000000000000000000000000000001"),
        ),
    )
    .unwrap();
    assert!(tieout.run(["repair", "apply", &plan]).exits(2).stderr.contains("not signed with the key"));
    std::fs::write(tieout.path("tieout.yaml"), project.replace("anna:", "anne:")).unwrap();
    assert!(tieout.run(["repair", "apply", &plan]).exits(2).stderr.contains("none of the project's approvers"));
    untouched(&tieout);
    std::fs::write(tieout.path("tieout.yaml"), project).unwrap();
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
}

#[test]
fn a_way_back_is_no_way_round() {
    let (tieout, _) = tables("");
    let plan = planned(&tieout);
    approve(&tieout, &plan, "anna", "anna.key", "anna@desk", 0);
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    let back = super::reverted(&tieout, &plan);
    assert_eq!(back["outcome"], "reverted");
    // By itself, the plan that led back needs somebody's word like any other.
    let told = tieout.run(["repair", "apply", back["plan"].as_str().unwrap()]).exits(2).stderr;
    assert!(told.contains("needs the approval of one person"), "{told}");
    assert_eq!(super::reverted(&tieout, back["plan"].as_str().unwrap())["outcome"], "reverted");
}

#[test]
fn the_policy_decides_row_by_row_and_a_run_repairs_what_it_allows() {
    let policy = "  policy:\n    - {columns: [iban], decide: never}\n    - {kinds: [missing_in_target, value_mismatch], max_rows: 10, max_value: 500, decide: auto}\n";
    let (tieout, _) = tables(policy);
    let told = tieout.run(["run", "--repair", "--format", "json"]).exits(1).json();
    assert_eq!(told["repair"]["applied"][0]["rows"]["applied"], 2, "{told:#}");
    let waiting = &told["repair"]["waiting"][0];
    assert_eq!((waiting["counts"]["refused"].clone(), waiting["counts"]["update"].clone()), (1.into(), 0.into()));
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    let iban: String = connection.query_row("SELECT iban FROM t WHERE id = 2", [], |row| row.get(0)).unwrap();
    assert_eq!(iban, "XX2");
    let run = tieout.run(["run", "--format", "json"]).exits(1).json();
    assert_eq!(run["rules"][0]["rows"]["value_mismatch"], 1);
    verified(&tieout);
}

#[test]
fn a_storm_is_stopped() {
    for limits in ["rows_per_run: 1", "rows_per_day: 1"] {
        let (tieout, _) = tables(&format!("  policy: [{{decide: auto}}]\n  limits: {{{limits}}}\n"));
        let told = tieout.run(["run", "--repair", "--format", "json"]).exits(1).json();
        assert_eq!(told["repair"]["applied"], serde_json::json!([]));
        assert!(told["repair"]["notes"][0].as_str().unwrap().contains("are more than is left"), "{told:#}");
        untouched(&tieout);
    }
    let (tieout, _) = tables("  policy: [{max_share: 10%, decide: auto}]\n");
    let told = tieout.run(["run", "--repair", "--format", "json"]).exits(1).json();
    assert_eq!(told["repair"]["waiting"][0]["counts"]["update"], 2, "{told:#}");
    untouched(&tieout);
}

#[test]
fn all_that_a_run_found_was_repaired() {
    let (tieout, _) = tables("  policy: [{decide: auto}]\n");
    tieout.run(["run", "--repair"]).exits(0);
    tieout.run(["run", "-q"]).exits(0);
}

#[test]
fn neither_triggers_nor_small_plans_lead_round_the_limits() {
    let (tieout, _) = tables("  policy: [{decide: auto}]\n  limits: {rows_per_day: 2}\n");
    for (id, code) in [(1, 0), (2, 0), (4, 2)] {
        let told =
            tieout.run(["repair", "plan", "r", "--where", &format!("id = {id}"), "--format", "json"]).exits(0).json();
        let ended = tieout.run(["repair", "apply", told["plans"][0]["plan"].as_str().unwrap()]).exits(code);
        assert_eq!(ended.stderr.contains("without a person's word in 24 hours"), code == 2, "{}", ended.stderr);
    }
    let (tieout, _) = tables("  policy: [{decide: auto}]\n");
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TRIGGER other AFTER UPDATE ON t WHEN NEW.id = 1 BEGIN UPDATE t SET iban = 'BAD' WHERE id = 3; END",
        )
        .unwrap();
    let told = tieout.run(["run", "--repair", "--format", "json"]).exits(1).json();
    assert_eq!(told["repair"]["applied"], serde_json::json!([]));
    assert!(told["repair"]["notes"][0].as_str().unwrap().contains("triggers run on the table (other)"), "{told:#}");
    untouched(&tieout);
}

#[test]
fn a_column_that_is_not_compared_is_guarded_all_the_same() {
    let (tieout, _) = tables("  policy:\n    - {columns: [iban], decide: never}\n    - {decide: auto}\n");
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    connection
        .execute_batch("ALTER TABLE t RENAME COLUMN iban TO account; INSERT INTO t VALUES (9, 0, 'DE9'), (8, 0, NULL)")
        .unwrap();
    let project = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    let mapped = "key: [id]\n    map: {account: iban}\n    columns: {iban: {ignore: true}}";
    std::fs::write(tieout.path("tieout.yaml"), project.replace("key: [id]", mapped)).unwrap();
    tieout.run(["run", "-q"]).exits(1);
    let told = tieout.run(["repair", "plan", "r", "--kind", "missing_in_source", "--format", "json"]).exits(0).json();
    // The row with an account stays, the one without may go.
    let counts = &told["plans"][0]["counts"];
    assert_eq!((&counts["delete"], &counts["refused"]), (&1.into(), &1.into()), "{told:#}");
}

#[test]
fn a_guard_in_other_letters_is_an_error() {
    let (tieout, _) = tables("  policy:\n    - {columns: [IBAN], decide: never}\n    - {decide: auto}\n");
    for args in [&["repair", "plan", "r"][..], &["run", "--repair"]] {
        let told = tieout.run(args).exits(2).stderr;
        assert!(told.contains("policy 1 names the column `IBAN`, and the table has `iban`"), "{told}");
        untouched(&tieout);
    }
}

#[test]
fn what_was_taken_back_has_to_be_allowed_anew() {
    let (tieout, _) = tables("");
    let plan = planned(&tieout);
    approve(&tieout, &plan, "anna", "anna.key", "anna@desk", 0);
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    let back = super::reverted(&tieout, &plan);
    assert_eq!(back["outcome"], "reverted", "{back:#}");
    untouched(&tieout);
    let told = tieout.run(["repair", "apply", &plan]).exits(2).stderr;
    assert!(told.contains("the approval by anna was given before the plan was taken back"), "{told}");
    untouched(&tieout);
    approve(&tieout, &plan, "anna", "anna.key", "anna@desk", 0);
    assert_eq!(applied(&tieout, &plan)["outcome"], "repaired");
    verified(&tieout);
}

#[test]
fn a_guard_holds_for_what_is_computed_of_a_row_that_goes() {
    let policy = "  policy:\n    - {columns: [iban], decide: never}\n    - {decide: auto}\n";
    let (tieout, _) = tables(policy);
    let connection = Connection::open(tieout.path("b.db")).unwrap();
    connection
        .execute_batch("ALTER TABLE t RENAME COLUMN iban TO account; INSERT INTO t VALUES (9, 0, 'de9')")
        .unwrap();
    let project = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    let computed = "key: [id]\n    columns: {iban: {target: upper(account)}, account: {ignore: true}}";
    std::fs::write(tieout.path("tieout.yaml"), project.replace("key: [id]", computed)).unwrap();
    tieout.run(["run", "-q"]).exits(1);
    let told = tieout.run(["repair", "plan", "r", "--kind", "missing_in_source", "--format", "json"]).exits(0).json();
    let counts = &told["plans"][0]["counts"];
    assert_eq!((&counts["delete"], &counts["refused"]), (&0.into(), &1.into()), "{told:#}");
}
