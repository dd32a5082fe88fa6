//! Corrected copies of CSV files: what is not changed stays as it is, byte for byte.

use std::io::{Read, Write};

use super::super::{AUTO, Given, applied, next, planned, reverted, verified};
use super::{applied_in_place, copies};
use crate::support::tieout::Tieout;

const RULE: &str = "key: [id]\n    repair: {authority: source}";

/// The corrected copy of `target`, told from `source`.
#[track_caller]
fn corrected(source: &str, target: &str, options: &str) -> String {
    let tieout = Tieout::new();
    std::fs::write(tieout.path("a.csv"), source).unwrap();
    std::fs::write(tieout.path("b.csv"), target).unwrap();
    let ignored = if target.contains(",more") { "columns: {more: {ignore: true}}\n    " } else { "" };
    let rule = &format!("{ignored}{RULE}");
    Given { source: "csv: a.csv", target: &format!("csv: {{path: b.csv{options}}}"), rule, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let told = applied(&tieout, &plan);
    assert_eq!(told["outcome"], "repaired", "{told:#}");
    let [(_, copy)] = &copies(&told)[..] else { panic!("{told:#}") };
    assert_eq!(std::fs::read_to_string(tieout.path("b.csv")).unwrap(), target);
    let copy = std::fs::read_to_string(copy).unwrap();
    applied_in_place(&tieout, &plan);
    tieout.run(["run", "-q"]).exits(0);
    reverted(&tieout, &plan);
    assert_eq!(std::fs::read_to_string(tieout.path("b.csv")).unwrap(), target);
    verified(&tieout);
    copy
}

#[test]
fn line_ends_quotes_blank_lines_and_marks_stay() {
    let source = "id,n,t\n1,1,a\n2,2,\"b, \"\"q\"\"\"\n3,3,c\n5,5,\"x\ny\"\n";
    let cases = [
        // A line that goes, one that changes, one that comes.
        (
            "id,n,t\n1,1,a\n2,9,\"b, \"\"q\"\"\"\n4,4,d\n3,3,c\n",
            "",
            "id,n,t\n1,1,a\n2,2,\"b, \"\"q\"\"\"\n3,3,c\n5,5,\"x\ny\"\n",
        ),
        (
            "id,n,t\r\n1,1,a\r\n\r\n\"2\",\"9\",\"b, \"\"q\"\"\"\r\n3,3,\"c\"",
            "",
            "id,n,t\r\n1,1,a\r\n\r\n\"2\",2,\"b, \"\"q\"\"\"\r\n3,3,\"c\"\r\n5,5,\"x\ny\"",
        ),
        (
            "\u{feff}t,id,n\na,1,1\nbad,2,2\nc,3,3\n\n\n",
            "",
            "\u{feff}t,id,n\na,1,1\n\"b, \"\"q\"\"\",2,2\nc,3,3\n\n\n\"x\ny\",5,5\n",
        ),
        (
            "id;n;t\n1;1;'a'\n2;2;'b, \"q\"'\n3;3;it\n",
            ", delimiter: \";\", quote: \"'\"",
            "id;n;t\n1;1;'a'\n2;2;'b, \"q\"'\n3;3;c\n5;5;'x\ny'\n",
        ),
        // Blanks and other spellings of what is not changed.
        (
            "id,n,t,more\n1,1,a, kept \n2,2,\"b, \"\"q\"\"\",\n3,3,,'\n5,5,\"x\ny\",\"\"\n",
            "",
            "id,n,t,more\n1,1,a, kept \n2,2,\"b, \"\"q\"\"\",\n3,3,c,'\n5,5,\"x\ny\",\"\"\n",
        ),
    ];
    for (target, options, wanted) in cases {
        assert_eq!(corrected(source, target, options), wanted, "{target:?}");
    }
}

#[test]
fn what_is_null_stays_as_it_is_written_and_what_would_be_read_as_null_is_refused() {
    let tieout = Tieout::new();
    tieout.file("a.csv", "id,n,t\n1,1,a\n2,NA,b\n3,3,\n");
    tieout.file("b.csv", "id,n,t\n1,1,NA\n2,2,b\n3,9,NA\n");
    Given { source: "csv: a.csv", target: "csv: {path: b.csv, null: [NA]}", rule: RULE, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    assert_eq!(told["plans"][0]["counts"]["refused"], 1, "{told:#}");
    let plan = told["plans"][0]["plan"].as_str().unwrap();
    let shown = tieout.run(["repair", "show", plan]).exits(0).stdout;
    assert!(shown.contains("n: the text \"NA\" would be read as NULL"), "{shown}");
    let told = applied(&tieout, plan);
    assert_eq!(told["outcome"], "partly", "{told:#}");
    let [(_, copy)] = &copies(&told)[..] else { panic!("{told:#}") };
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "id,n,t\n1,1,a\n2,2,b\n3,3,NA\n");
}

#[test]
fn files_without_a_header_compressed_ones_and_odd_names() {
    let tieout = Tieout::new();
    tieout.file("a.csv", "1,x\n2,y\n3,z\n");
    for (name, zipped) in [("b c%20é#.csv", false), ("b.csv.gz", true)] {
        let text = b"2,y\n1,a\n";
        let mut bytes = text.to_vec();
        if zipped {
            let mut encoder = std::process::Command::new("gzip");
            let mut encoder =
                encoder.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
            encoder.stdin.take().unwrap().write_all(text).unwrap();
            bytes.clear();
            encoder.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
            encoder.wait().unwrap();
        }
        std::fs::write(tieout.path(name), bytes).unwrap();
        let target = format!("csv: {{path: \"{name}\", header: false}}");
        let rule = "key: [column_1]\n    repair: {authority: source}";
        Given { source: "csv: {path: a.csv, header: false}", target: &target, rule, rest: AUTO }.write(&tieout);
        tieout.run(["run", "-q"]).exits(1);
        let plan = planned(&tieout);
        let told = applied(&tieout, &plan);
        assert_eq!(told["outcome"], "repaired", "{told:#}");
        assert_eq!(applied_in_place(&tieout, &plan)["outcome"], "repaired");
        tieout.run(["run", "-q"]).exits(0);
        let text = match zipped {
            true => String::from_utf8(
                std::process::Command::new("gzip").args(["-dc"]).arg(tieout.path(name)).output().unwrap().stdout,
            )
            .unwrap(),
            false => std::fs::read_to_string(tieout.path(name)).unwrap(),
        };
        assert_eq!(text, "2,y\n1,x\n3,z\n");
        reverted(&tieout, &plan);
        verified(&tieout);
    }
}

/// A random file of lines, and what is to become of each, told by the test itself.
#[test]
fn random_files_are_what_the_same_changes_make_of_their_lines() {
    for seed in 0..super::super::cases() * 2 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 3;
        let end = ["\n", "\r\n"][(next(&mut state) % 2) as usize];
        let cell = |state: &mut u64| {
            ["", "x", "\"q \"\"w\"\"\"", "\"a,b\"", "1.50", " y ", "é"][(next(state) % 7) as usize].to_string()
        };
        let count = 1 + next(&mut state) % 50;
        let (mut source, mut target) = ("id,p,q\n".to_string(), format!("id,p,q{end}"));
        let (mut wanted, mut new) = (target.clone(), Vec::new());
        for n in 0..count {
            let (p, q) = (cell(&mut state), cell(&mut state));
            let line = format!("{n},{p},{q}");
            match next(&mut state) % 6 {
                0 => {
                    source.push_str(&format!("{line}\n"));
                    new.push(line);
                }
                1 => target.push_str(&format!("{line}{end}")),
                2 => {
                    let mut other = cell(&mut state);
                    if other == q {
                        other = "other".into();
                    }
                    source.push_str(&format!("{n},{p},{other}\n"));
                    target.push_str(&format!("{line}{end}"));
                    wanted.push_str(&format!("{n},{p},{}{end}", plain(&other)));
                }
                _ => {
                    source.push_str(&format!("{line}\n"));
                    target.push_str(&format!("{line}{end}"));
                    wanted.push_str(&format!("{line}{end}"));
                }
            }
            if next(&mut state).is_multiple_of(9) {
                target.push_str(end);
                wanted.push_str(end);
            }
        }
        if target == wanted && new.is_empty() {
            continue;
        }
        let copy = corrected(&source, &target, "");
        let (old, added) = copy.split_at(wanted.len().min(copy.len()));
        assert_eq!(old, wanted, "seed {seed}");
        let mut added: Vec<&str> = added.split_terminator(end).collect();
        let mut new: Vec<String> = new
            .iter()
            .map(|line| line.split_once(',').unwrap())
            .map(|(id, rest)| format!("{id},{}", cells(rest)))
            .collect();
        added.sort_unstable();
        new.sort_unstable();
        assert_eq!(added, new, "seed {seed}");
    }
}

/// A cell as it is written when it is changed: with quotes only where they are needed.
fn plain(cell: &str) -> String {
    let text = cell
        .strip_prefix('"')
        .and_then(|cell| cell.strip_suffix('"'))
        .map_or(cell.to_string(), |text| text.replace("\"\"", "\""));
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The two cells behind the key.
fn cells(rest: &str) -> String {
    let end = match rest.starts_with('"') {
        true => rest[1..].find("\",").unwrap() + 2,
        false => rest.find(',').unwrap(),
    };
    format!("{},{}", plain(&rest[..end]), plain(&rest[end + 1..]))
}

#[test]
fn a_row_whose_file_lacks_the_column_is_told_of_and_the_others_are_written() {
    let tieout = Tieout::new();
    tieout.file("a.csv", "id,n,x\n1,1,p\n2,2,q\n3,3,r\n7,7,\n");
    tieout.file("b/1.csv", "id,n\n1,1\n7,8\n");
    tieout.file("b/2.csv", "x,id,n\nq,2,2\nzz,3,3\n");
    Given { source: "csv: a.csv", target: "csv: b", rule: RULE, rest: AUTO }.write(&tieout);
    tieout.run(["run", "-q"]).exits(1);
    let plan = planned(&tieout);
    let told = applied(&tieout, &plan);
    assert_eq!(told["outcome"], "partly", "{told:#}");
    assert_eq!(told["rows"], serde_json::json!({"applied": 2, "failed": 1}), "{told:#}");
    assert!(told["unrepaired"][0]["why"].as_str().unwrap().ends_with("b/1.csv has no column \"x\""), "{told:#}");
    let texts: Vec<String> = copies(&told).iter().map(|(_, copy)| std::fs::read_to_string(copy).unwrap()).collect();
    assert_eq!(texts, ["id,n\n1,1\n7,7\n", "x,id,n\nq,2,2\nr,3,3\n"]);
    verified(&tieout);
}
