//! The documentation says what is so: its generated parts are what the code gives, its commands print what is shown, the
//! flags that it names exist, its links lead somewhere.
//!
//! `UPDATE_DOCS=1 cargo test --test all docs` writes what is out of date; then read the difference.

mod console;
mod equal;
mod generated;
mod named;
mod normal;
mod schema;
mod sql;

use std::path::PathBuf;

use crate::support::root;

/// One Markdown file of the repository.
struct Page {
    /// From the root, with `/`.
    name: String,
    path: PathBuf,
    text: String,
}

fn pages() -> Vec<Page> {
    let mut names: Vec<String> = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(String::from).into();
    for folder in ["docs", "docs/reference", "examples", "benches"] {
        names.extend(markdown_in(folder));
    }
    let examples = std::fs::read_dir(root().join("examples")).unwrap();
    for entry in examples.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir()) {
        names.extend(markdown_in(&format!("examples/{}", entry.file_name().to_str().unwrap())));
    }
    names.sort();
    let read = |name: String| {
        let path = root().join(&name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        Page { name, path, text }
    };
    names.into_iter().map(read).collect()
}

fn markdown_in(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")).collect()
}

/// Compares a file with what it should be, or writes it. The answer is what is wrong.
fn settle(name: &str, is: &str, should_be: &str) -> Option<String> {
    if is == should_be {
        return None;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(name), should_be).unwrap();
        return None;
    }
    let (line, (old, new)) = (1..)
        .zip(is.lines().chain([""]).zip(should_be.lines().chain([""])))
        .find(|(_, (old, new))| old != new)
        .unwrap_or((0, ("", "")));
    Some(format!("{name}:{line}\n  says      {old}\n  should be {new}"))
}

#[track_caller]
fn nothing_wrong(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{}\nUPDATE_DOCS=1 cargo test --test all docs writes it anew", wrong.join("\n"));
}

/// Both kinds of living parts in one test, since both may write the same file.
#[test]
fn pages_say_what_is_so() {
    let pages = pages();
    let check = |page: &Page| {
        let generated = generated::renewed(page);
        settle(&page.name, &page.text, &console::replayed(page, &generated))
    };
    let wrong = std::thread::scope(|scope| {
        let threads: Vec<_> = pages.iter().map(|page| scope.spawn(|| check(page))).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("a page could not be checked")).collect()
    });
    nothing_wrong(wrong);
}

#[test]
fn the_published_schema_is_the_program_s() {
    let name = "docs/reference/tieout.schema.json";
    let is = std::fs::read_to_string(root().join(name)).unwrap_or_default();
    nothing_wrong(settle(name, &is, &format!("{:#}\n", tieout::project::json_schema())).into_iter().collect());
}
