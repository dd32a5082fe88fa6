//! The house's own rules, held against its source: the direction of imports as src/lib.rs states it, a purpose at the head
//! of every file, printing in one room only, and SQL in `queries/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::root;

/// All files under `folder` with that ending, as (path below `folder`, text).
fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(folder).unwrap().to_path_buf(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{ending} file in {}", folder.display());
    found
}

/// The room of a file: its folder in src, or its own name.
fn room(path: &Path) -> String {
    let first = path.iter().next().unwrap().to_string_lossy();
    first.trim_end_matches(".rs").to_string()
}

/// `cli -> report -> ...` in src/lib.rs: the level of each room, 0 leftmost.
fn levels() -> BTreeMap<String, usize> {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let statement: String = lib.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let statement = statement.split('`').find(|part| part.contains("->")).expect("src/lib.rs states a direction");
    let rooms = |(level, names): (usize, &str)| {
        names.split(',').map(|name| (name.trim().to_string(), level)).collect::<Vec<_>>()
    };
    statement.split("->").enumerate().flat_map(rooms).collect()
}

/// Lines of code, without comments, and the number of each.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn rooms_import_only_what_stands_to_their_right() {
    let levels = levels();
    let mut wrong = Vec::new();
    for (path, text) in files(&root().join("src"), "rs") {
        let own = room(&path);
        if ["lib", "main"].contains(&own.as_str()) {
            continue;
        }
        let level = *levels.get(&own).unwrap_or_else(|| panic!("src/lib.rs says nothing of the room `{own}`"));
        for (number, line) in code(&text) {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                // `crate::{...}` and re-exported names would hide a room.
                let Some(other) = levels.get(&used) else {
                    wrong.push(format!("{}:{number}: `crate::{used}` is no room", path.display()));
                    continue;
                };
                if used != own && *other <= level {
                    wrong.push(format!("{}:{number}: `{own}` imports `{used}`", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the direction that src/lib.rs states:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests"] {
        let folder = root().join(folder);
        for (path, text) in files(&folder, "rs") {
            assert!(text.starts_with("//! "), "{} opens without its purpose (`//!`)", folder.join(path).display());
        }
    }
    for (path, text) in files(&root().join("queries"), "sql") {
        assert!(
            text.starts_with("{#-") || text.starts_with("--"),
            "queries/{} opens without a comment",
            path.display()
        );
    }
}

#[test]
fn only_the_command_line_prints() {
    for (path, text) in files(&root().join("src"), "rs") {
        for (number, line) in code(&text).filter(|_| room(&path) != "cli") {
            for print in ["println!", "print!(", "dbg!", "io::stdout", "io::stderr"] {
                assert!(!line.contains(print), "src/{}:{number} prints: {line}", path.display());
            }
        }
    }
}

/// A statement in Rust is one line at most: a literal that goes on over lines and reads rows stands in `queries/` instead.
/// Tests, and texts that are written out for people (a first project), may hold more.
#[test]
fn longer_sql_stands_in_queries() {
    for (path, text) in files(&root().join("src"), "rs") {
        if path.iter().any(|part| part == "tests.rs") {
            continue;
        }
        let product = text.split("#[cfg(test)]").next().unwrap();
        for literal in product.split('"').skip(1).step_by(2).filter(|literal| literal.contains('\n')) {
            let upper = literal.to_uppercase();
            let sql = upper.trim_start().starts_with("SELECT ") || upper.trim_start().starts_with("WITH ");
            assert!(!sql, "src/{} holds a statement of several lines:\n{literal}", path.display());
        }
    }
}
