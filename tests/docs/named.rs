//! What the pages name is there: links, subcommands, flags, targets of make.

use std::collections::BTreeMap;

use super::pages;
use crate::support::root;
use crate::support::tieout::Tieout;

const COMMANDS: [&str; 19] = [
    "repair",
    "ack",
    "show",
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
    "ledger",
    "expire",
    "keys",
];

/// Commands of a command have flags of their own.
const BELOW: [(&str, &str); 12] = [
    ("ledger", "export"),
    ("ledger", "show"),
    ("ledger", "verify"),
    ("ledger", "seal"),
    ("keys", "new"),
    ("repair", "plan"),
    ("repair", "show"),
    ("repair", "approve"),
    ("repair", "apply"),
    ("repair", "revert"),
    ("repair", "export"),
    ("repair", "history"),
];

/// Flags of other programs that the pages name.
const FOREIGN: [&str; 7] = ["--bench", "--recursive", "--test", "--path", "--locked", "--export-dir", "--scale"];

#[test]
fn links_lead_somewhere() {
    let mut links = 0;
    for page in pages() {
        let folder = page.path.parent().unwrap();
        for target in page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
            assert!(path.exists(), "{}: {target} is not there", page.name);
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&path).unwrap();
                let anchors: Vec<String> = text.lines().filter(|line| line.starts_with('#')).map(slug).collect();
                assert!(
                    anchors.iter().any(|known| known == anchor),
                    "{}: {target} leads to none of {anchors:?}",
                    page.name
                );
            }
        }
    }
    assert!(links > 20, "only {links} links");
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Each subcommand's help.
fn help() -> BTreeMap<&'static str, String> {
    let tieout = Tieout::new();
    let help = |args: &[&str]| tieout.run(args).exits(0).stdout;
    let mut all: BTreeMap<_, _> = COMMANDS.map(|command| (command, help(&[command, "--help"]))).into();
    for (command, below) in BELOW {
        *all.get_mut(command).unwrap() += &help(&[command, below, "--help"]);
    }
    all
}

fn has_flag(help: &str, flag: &str) -> bool {
    help.match_indices(flag).any(|(at, _)| {
        let next = help[at + flag.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '-')
    })
}

fn flags(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || "`'\"()[]|,;".contains(c));
    let flags =
        words.filter(|word| word.starts_with("--") && word.as_bytes().get(2).is_some_and(u8::is_ascii_lowercase));
    flags.map(|flag| flag.split('=').next().unwrap().trim_end_matches(['.', ':']).to_string()).collect()
}

#[test]
fn commands_and_flags_that_are_named_exist() {
    let help = help();
    let benches = std::fs::read_to_string(root().join("benches/suite.py")).unwrap();
    let mut checked = 0;
    for page in pages() {
        for code in page.text.split("```").skip(1).step_by(2) {
            for call in code.lines().filter_map(|line| line.trim_start_matches(['$', ' ']).strip_prefix("tieout ")) {
                let call = call.split(" #").next().unwrap().split(" | ").next().unwrap().split(" && ").next().unwrap();
                let command = call.split_whitespace().next().unwrap();
                let Some(text) = help.get(command) else {
                    assert!(command.starts_with('-'), "{}: `tieout {call}`: no such command", page.name);
                    continue;
                };
                for flag in flags(call) {
                    assert!(has_flag(text, &flag), "{}: `tieout {call}`: no {flag}", page.name);
                    checked += 1;
                }
            }
        }
        let prose: Vec<&str> = page.text.split("```").step_by(2).collect();
        for flag in prose.iter().flat_map(|text| text.split('`').skip(1).step_by(2)).flat_map(flags) {
            let of_benches = page.name.starts_with("benches") && has_flag(&benches, &flag);
            let known =
                of_benches || FOREIGN.contains(&flag.as_str()) || help.values().any(|help| has_flag(help, &flag));
            assert!(known, "{}: there is no flag {flag}", page.name);
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} flags");
}

#[test]
fn targets_of_make_that_are_named_exist() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    for page in pages() {
        for code in page.text.split('`').filter(|code| code.starts_with("make ") && !code.contains('\n')) {
            let target = code.split_whitespace().nth(1).unwrap();
            assert!(makefile.contains(&format!("\n{target}:")), "{}: `{code}`", page.name);
        }
    }
}

/// The JSON summary is a contract: each of its keys is explained.
#[test]
fn every_key_of_the_json_summary_is_explained() {
    let tieout = Tieout::in_example("quickstart");
    let summary = tieout.run(["run", "--format", "json"]).exits(1).json();
    let page = std::fs::read_to_string(root().join("docs/reference/json-summary.md")).unwrap();
    let mut keys = Vec::new();
    collect(&summary, &mut keys);
    for key in keys {
        assert!(page.contains(&format!("`{key}`")), "docs/reference/json-summary.md says nothing of `{key}`");
    }
}

fn collect(value: &serde_json::Value, keys: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object {
                keys.push(key.clone());
                collect(value, keys);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        _ => {}
    }
}
