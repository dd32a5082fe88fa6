//! Ways to forge an approval: none of them counts.

use aws_lc_rs::signature::KeyPair;

use super::*;

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(pair: &Ed25519KeyPair) -> String {
    PublicKey::of(pair.public_key().as_ref()).to_string()
}

const PLAN: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";

fn now() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn approvers() -> BTreeMap<String, String> {
    BTreeMap::from([("anna".to_string(), public(&pair(1))), ("omar".to_string(), public(&pair(2)))])
}

fn good() -> RepairApproved {
    RepairApproved::sign(PLAN, "anna", now(), now() + TimeDelta::days(7), &pair(1))
}

fn told_by(
    approved: &RepairApproved,
    actor: &str,
    proposer: &str,
    approvers: &BTreeMap<String, String>,
) -> Result<(), String> {
    check(approved, actor, &Against { plan: PLAN, proposer, approvers, now: now(), since: None })
}

fn told(approved: &RepairApproved) -> Result<(), String> {
    told_by(approved, "anna@desk", "petra@server", &approvers())
}

#[test]
fn a_good_one_counts() {
    assert_eq!(told(&good()), Ok(()));
}

#[test]
fn forged_ones_do_not() {
    let day = TimeDelta::days(1);
    let changed = |change: &dyn Fn(&mut RepairApproved)| {
        let mut approved = good();
        change(&mut approved);
        approved
    };
    let forged = [
        ("a signature of zeros", changed(&|one| one.signature = "00".repeat(64))),
        ("no signature", changed(&|one| one.signature = String::new())),
        ("half a signature", changed(&|one| one.signature.truncate(64))),
        ("no hexadecimal digits", changed(&|one| one.signature = "zz".repeat(64))),
        (
            "one bit of it",
            changed(&|one| one.signature.replace_range(0..1, if one.signature.starts_with('0') { "1" } else { "0" })),
        ),
        ("a later end", changed(&|one| one.expires += TimeDelta::days(100))),
        ("another time", changed(&|one| one.at -= day)),
        ("another plan, by edit", changed(&|one| one.plan = OTHER.into())),
        ("another plan's", RepairApproved::sign(OTHER, "anna", now(), now() + day, &pair(1))),
        ("another plan's, put under this one", {
            let mut one = RepairApproved::sign(OTHER, "anna", now(), now() + day, &pair(1));
            one.plan = PLAN.into();
            one
        }),
        ("another name, by edit", changed(&|one| one.approver = "omar".into())),
        ("with a key of one's own", RepairApproved::sign(PLAN, "anna", now(), now() + day, &pair(9))),
        ("with another approver's key", RepairApproved::sign(PLAN, "anna", now(), now() + day, &pair(2))),
        ("with one's own key, naming that of anna", {
            let mut one = RepairApproved::sign(PLAN, "anna", now(), now() + day, &pair(9));
            one.public_key = public(&pair(1));
            one
        }),
        ("of nobody whom the project names", RepairApproved::sign(PLAN, "eve", now(), now() + day, &pair(9))),
        ("expired", RepairApproved::sign(PLAN, "anna", now() - day * 2, now() - day, &pair(1))),
        ("expired just now", RepairApproved::sign(PLAN, "anna", now() - day, now(), &pair(1))),
        ("of a time to come", RepairApproved::sign(PLAN, "anna", now() + day, now() + day * 2, &pair(1))),
        (
            "that ends before it begins",
            RepairApproved::sign(PLAN, "anna", now() + TimeDelta::minutes(4), now() + TimeDelta::minutes(3), &pair(1)),
        ),
    ];
    for (what, approved) in &forged {
        assert!(told(approved).is_err(), "{what}");
    }
    assert!(forged.len() >= 19);
}

#[test]
fn nobody_approves_what_is_their_own() {
    for (proposer, actor) in [
        ("anna@server", "anna@desk"),
        ("anna", "x"),
        ("ANNA@server", "x@y"),
        ("root@server", "root@server"),
        ("Root@server", "root@server"),
    ] {
        let told = told_by(&good(), actor, proposer, &approvers());
        assert!(told.is_err_and(|why| why.contains("has proposed")), "{proposer} {actor}");
    }
}

#[test]
fn an_approver_who_was_removed_or_has_another_key_does_not_count() {
    let removed = BTreeMap::from([("omar".to_string(), public(&pair(2)))]);
    assert!(told_by(&good(), "a", "p", &removed).is_err());
    let swapped = BTreeMap::from([("anna".to_string(), public(&pair(7)))]);
    assert!(told_by(&good(), "a", "p", &swapped).is_err());
}

#[test]
fn one_person_under_two_names_counts_once() {
    let approvers = BTreeMap::from([("anna".to_string(), public(&pair(1))), ("anna2".to_string(), public(&pair(1)))]);
    let approval =
        |name: &str| ("x@y".to_string(), RepairApproved::sign(PLAN, name, now(), now() + TimeDelta::days(1), &pair(1)));
    let file = |path: &str| crate::ledger::StoredFile { path: path.into(), sha256: String::new(), bytes: 0, rows: 0 };
    let found = Found {
        planned: crate::ledger::RepairPlanned {
            plan: PLAN.into(),
            rule: "r".into(),
            run_id: "1".into(),
            side: "target".into(),
            dataset: "d".into(),
            actions: 1,
            reverts: None,
            manifest: file("a"),
            table: file("b"),
        },
        at: now(),
        actor: "petra@server".into(),
        approvals: vec![approval("anna"), approval("anna"), approval("anna2")],
        attempts: Vec::new(),
        entries: Vec::new(),
    };
    let against = Against { plan: PLAN, proposer: "petra@server", approvers: &approvers, now: now(), since: None };
    assert_eq!(counting(&found, &against).0.len(), 1);
}

#[test]
fn what_was_taken_back_is_not_allowed_by_what_was_said_before() {
    let approvers = approvers();
    let at =
        |since| Against { plan: PLAN, proposer: "petra@server", approvers: &approvers, now: now(), since: Some(since) };
    assert!(check(&good(), "anna@desk", &at(now() - TimeDelta::hours(1))).is_ok());
    let why = check(&good(), "anna@desk", &at(now())).unwrap_err();
    assert!(why.contains("given before the plan was taken back"), "{why}");
}
