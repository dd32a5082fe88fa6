//! Bad input, as the issue lists it: what is said, exit code 2, and nothing written. The expected words stand here whole, so
//! that whoever changes them reads them as a stranger would.

mod columns;
mod disk;
mod files;
mod interrupted;
mod object_storage;
mod project;
mod sql;

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::tieout::Tieout;

/// Every file under a folder with its bytes; folders count as well.
pub fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            match path.is_dir() {
                true => {
                    found.insert(format!("{name}/"), Vec::new());
                    folders.push(path);
                }
                false => drop(found.insert(name, std::fs::read(&path).unwrap())),
            }
        }
    }
    found
}

/// The same, but for what tells that a run began in `out` and how it ended.
pub fn results(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = tree(dir);
    found.retain(|name, _| !name.starts_with("out/ledger/") && name != "out/_tieout.json");
    if found.keys().filter(|name| name.starts_with("out/")).count() == 1 {
        found.remove("out/");
    }
    found
}

/// The command fails with exactly these words (`DIR` is the test's folder) and writes nothing; with `--format json` a program
/// is told the same, of this kind. Where it came as far as to begin, the ledger tells of that.
#[track_caller]
pub fn refused(tieout: &Tieout, args: &[&str], kind: &str, words: &str) {
    let before = results(tieout.dir());
    let told = tieout.run(args).exits(2);
    assert_eq!(said(tieout, &told.stderr), text(words), "what is said about {args:?}");
    assert_eq!(told.stdout, "");
    if matches!(args[0], "diff" | "run") {
        let told = tieout.run(args.iter().chain(&["--format", "json"])).exits(2);
        let document = told.json();
        assert_eq!(document["error"]["kind"], kind, "{document:#}");
        let message = document["error"]["message"].as_str().unwrap();
        // The first line of the words, less "error: ", stands in the message.
        let first = told.stderr.lines().next().unwrap().trim_start_matches("error: ");
        assert!(message.contains(first), "{message}\n{first}");
        assert_eq!(document["error"].as_object().unwrap().keys().collect::<Vec<_>>(), ["hint", "kind", "message"]);
    }
    assert_eq!(results(tieout.dir()), before, "something was written by {args:?}");
}

pub fn said(tieout: &Tieout, stderr: &str) -> String {
    stderr.replace(tieout.dir().to_str().unwrap(), "DIR").trim_end().to_string()
}

/// A text of several lines as it stands in a test: it begins right behind the quote, and its other lines are indented like the
/// quote, which rustfmt puts at a multiple of four, and one more.
pub fn text(literal: &str) -> String {
    let (first, rest) = literal.split_once('\n').unwrap_or((literal, ""));
    let filled = rest.lines().filter(|line| !line.trim().is_empty());
    let least = filled.map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or(0);
    let indent = if least < 5 { 0 } else { (least - 1) / 4 * 4 + 1 };
    let rest = rest.lines().map(|line| line.get(indent..).unwrap_or_default());
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n")
}

/// Two small tables that agree but for one name, as CSV and as Parquet.
pub fn people() -> Tieout {
    let tieout = Tieout::new();
    tieout.file("a.csv", "id,name,amount\n1,Ann,1.5\n2,Bob,2.5\n3,Eve,3.5\n");
    tieout.parquet(
        "b.parquet",
        "id:int64, name:utf8, amount:float64
         1 | Ann | 1.5
         2 | Bob | 2.5
         3 | Eva | 3.5",
    );
    tieout
}
