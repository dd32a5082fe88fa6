//! Seals: whose they are, and what they find.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{entry, project, sha256sum, verifies};
use crate::support::tieout::Tieout;

/// A project that has run once, and two pairs of keys.
fn sealed() -> (Tieout, String) {
    let tieout = project();
    tieout.run(["run", "-q"]).exits(1);
    tieout.run(["keys", "new", "ours"]).exits(0);
    tieout.run(["keys", "new", "theirs"]).exits(0);
    let head = tieout.run(["ledger", "seal", "--key", "ours"]).exits(0).stdout.trim().to_string();
    (tieout, head)
}

#[test]
fn keys_are_made_once() {
    let tieout = Tieout::new();
    let made = tieout.run(["keys", "new", "seal"]).exits(0);
    let public = fs::read_to_string(tieout.path("seal.pub")).unwrap();
    assert_eq!(made.stdout, public);
    assert!(public.starts_with("ed25519:") && public.trim().len() == 8 + 64, "{public}");
    assert_eq!(fs::metadata(tieout.path("seal")).unwrap().permissions().mode() & 0o777, 0o600);
    let private = fs::read(tieout.path("seal")).unwrap();
    let again = tieout.run(["keys", "new", "seal"]).exits(2);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
    fs::remove_file(tieout.path("seal")).unwrap();
    tieout.run(["keys", "new", "seal"]).exits(2);
    assert!(!tieout.path("seal").exists());
    // As OpenSSL reads it, where it is.
    fs::write(tieout.path("seal"), private).unwrap();
    assert_eq!(fs::read_to_string(tieout.path("seal.pub")).unwrap(), public);
}

#[test]
fn a_seal_and_its_key() {
    let (tieout, head) = sealed();
    assert_eq!(head, format!("3:{}", sha256sum(&entry(&tieout, 3))));
    let ours = fs::read_to_string(tieout.path("ours.pub")).unwrap().trim().to_string();
    let said = verifies(&tieout);
    assert!(said.contains(&format!("note: sealed by {ours}")) && said.contains(", 1 seal: all is"), "{said}");
    for key in ["ours.pub", &ours, ours.trim_start_matches("ed25519:")] {
        let said = tieout.run(["ledger", "verify", "--key", key, "--expect", &head]).exits(0).stdout;
        assert!(!said.contains("note"), "{said}");
    }
    let other = tieout.run(["ledger", "verify", "--key", "theirs.pub"]).exits(1).stdout;
    assert!(other.contains("ledger/000000000004.json: is sealed by ed25519:"), "{other}");
    assert!(other.contains("holds no seal of ed25519:"), "{other}");
    tieout.run(["ledger", "seal", "--key", "theirs"]).exits(0);
    tieout.run(["ledger", "verify", "--key", "theirs.pub", "--key", "ours.pub"]).exits(0);
    for key in ["ours", "nowhere.pub", "ed25519:12"] {
        tieout.run(["ledger", "verify", "--key", key]).exits(2);
    }
    for key in ["ours.pub", "nowhere"] {
        let ended = tieout.run(["ledger", "seal", "--key", key]).exits(2);
        assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
    }
    // A key is told nowhere.
    for number in 1..=5 {
        let told = fs::read_to_string(entry(&tieout, number)).unwrap();
        assert!(!told.contains("PRIVATE") && told.is_ascii());
    }
}

/// A chain that was written anew holds, but for its seals.
#[test]
fn what_is_sealed_and_was_written_anew() {
    let (tieout, _) = sealed();
    let seal = fs::read_to_string(entry(&tieout, 4)).unwrap();
    let mut previous = String::new();
    for number in 1..=4 {
        let file = entry(&tieout, number);
        let mut body = fs::read_to_string(&file).unwrap().replace("\"ann\"", "\"bob\"");
        body.truncate(body.len() - 75);
        if number > 1 {
            let at = body.find("\"previous\":\"").unwrap() + 12;
            body.replace_range(at..at + 64, &previous);
        }
        let sum = tieout::ledger::sha256(format!("{body}}}").as_bytes());
        fs::write(&file, format!("{body},\"sum\":\"{sum}\"}}\n")).unwrap();
        previous = sha256sum(&file);
    }
    let ended = tieout.run(["ledger", "verify"]).exits(1).stdout;
    let words = "ledger/000000000003.json: is not what was sealed: ledger/000000000004.json holds its hash\n";
    assert!(ended.starts_with(words) && seal.contains("\"sealed\""), "{ended}");
    // Nor does a seal hold that was changed with it.
    let file = entry(&tieout, 4);
    let text = fs::read_to_string(&file).unwrap();
    let mut body = text[..text.len() - 75].to_string();
    let at = body.find("\"hash\":\"").unwrap() + 8;
    body.replace_range(at..at + 64, &sha256sum(&entry(&tieout, 3)));
    let sum = tieout::ledger::sha256(format!("{body}}}").as_bytes());
    fs::write(&file, format!("{body},\"sum\":\"{sum}\"}}\n")).unwrap();
    let ended = tieout.run(["ledger", "verify"]).exits(1).stdout;
    assert!(ended.starts_with("ledger/000000000004.json: holds a seal that is not of ed25519:"), "{ended}");
}

/// The end was cut off, with all that it named: only who holds a seal can tell.
#[test]
fn a_cut_end() {
    let (tieout, _) = sealed();
    let run = tieout.run(["run", "--format", "json"]).exits(1).json()["run_id"].as_str().unwrap().to_string();
    let head = tieout.run(["ledger", "seal", "--key", "ours"]).exits(0).stdout.trim().to_string();
    for number in 5..=7 {
        fs::remove_file(entry(&tieout, number)).unwrap();
    }
    for rule in ["lines", "same"] {
        fs::remove_dir_all(tieout.path(&format!("out/divergences/rule={rule}/run={run}"))).unwrap();
    }
    fs::remove_dir_all(tieout.path(&format!("out/open/rule=lines/run={run}"))).unwrap();
    fs::remove_file(tieout.path(&format!("out/runs/{run}.parquet"))).unwrap();
    tieout.run(["ledger", "verify", "--key", "ours.pub"]).exits(0);
    let ended = tieout.run(["ledger", "verify", "--expect", &head]).exits(1).stdout;
    assert!(ended.starts_with("ledger/000000000006.json: was removed: it was expected to be there\n"), "{ended}");
}
