//! The meaning of equal, told as stories: a `.story` file for each part of it, read by [`story`], checked by [`teller`].
//!
//! Every story shows the rows of both sides and a command; the built binary runs it under every strategy, and what it finds
//! must be what the story ends with. `COMPLETE=1 cargo test --test all -- stories` writes the ends; a person then reads them.
//!
//! ```text
//! # Titles and prose.
//!
//! === a name
//! Prose.
//! $ tieout diff source.parquet target.csv --key id
//! --- source.parquet           a literal table (`support::data`); so is `.arrow`; any other file is written as it stands
//! id:int64, amount:decimal(12,2)
//! 1 | 2.50
//! --- target.csv (escaped)     `\r`, `\n`, `\t` and `\u{feff}` stand for themselves, and a line's end is left out
//! --- finds
//! diverged: 1 source, 1 target, 1 missing_in_target ...
//! ```

mod story;
mod teller;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use crate::support::root;
use story::{Chapter, Story};

/// One test a file; the list is checked against the folder.
macro_rules! chapters {
    ($($name:ident)*) => {
        const CHAPTERS: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { tell(stringify!($name)); })*
    };
}

chapters! {
    columns
    csv_cells
    csv_csv
    csv_typed
    csv_times
    decimals
    duplicates
    empty
    encodings
    expressions
    filters
    floats
    folders
    incomparable
    integers
    json
    keys
    names
    nested
    no_key
    nulls
    rules
    text
    times
    tolerance
    totals
    zones
}

fn folder() -> PathBuf {
    root().join("tests/stories")
}

fn tell(name: &str) {
    let path = folder().join(format!("{name}.story"));
    let mut chapter = Chapter::read(&path);
    assert!(!chapter.stories.is_empty(), "{name} tells nothing");
    let complete = std::env::var_os("COMPLETE").is_some();
    let (mut wrong, mut lost) = (Vec::new(), Vec::new());
    for story in &mut chapter.stories {
        // One story that cannot be told to its end does not keep the others from being told.
        let Ok(found) = catch_unwind(AssertUnwindSafe(|| teller::tell(story))) else {
            lost.push(story.name.clone());
            continue;
        };
        if found != story.finds {
            let Story { name, command, finds, .. } = &story;
            wrong.push(format!("=== {name}\n$ {command}\n--- told\n{finds}--- found\n{found}"));
            story.finds = found;
        }
    }
    if complete {
        chapter.write(&path);
        wrong.clear();
    }
    assert!(
        wrong.is_empty() && lost.is_empty(),
        "in {name}: without an end {lost:?}, with another\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_file_is_told() {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "story"));
    let files: BTreeSet<String> = files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let listed: BTreeSet<String> = CHAPTERS.iter().map(|name| name.to_string()).collect();
    assert_eq!(files, listed);
}
