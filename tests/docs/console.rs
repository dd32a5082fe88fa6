//! Sessions in fenced `console` blocks: the commands run, in order, in one folder a page, and must print what is shown.
//!
//! A fence with a file's name after its language (`csv old.csv`) writes that file first. A line `...` stands for any number of
//! lines. Run ids, times and the folder are not compared (see [`super::normal`]).

use std::path::Path;

use super::Page;
use super::normal::{matches, with_stable_folder};
use crate::support::tieout::{Finished, Tieout};
use crate::support::{copy_dir, root, venv};

/// The page's text, with the output of commands as it is now.
pub fn replayed(page: &Page, text: &str) -> String {
    if !text.contains("```console") {
        return text.to_string();
    }
    let tieout = folder();
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(&format!("{line}\n"));
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match info.split_once(' ') {
            Some((_, file)) => {
                let path = tieout.path(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, block.join("\n") + "\n").unwrap();
                // A page does not speak of files that were written this second, which the cache would not remember.
                let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
                std::fs::File::options().write(true).open(&path).unwrap().set_modified(yesterday).unwrap();
                out.push_str(&format!("{}\n", block.join("\n")));
            }
            None if info == "console" => out.push_str(&session(&page.name, &tieout, &block)),
            None => block.iter().for_each(|line| out.push_str(&format!("{line}\n"))),
        }
        out.push_str("```\n");
    }
    out
}

/// A folder with the quickstart and the repair in it, and `tieout` and a `python3` that knows the readers on the path.
fn folder() -> Tieout {
    let tieout = Tieout::new();
    for example in ["examples/quickstart", "examples/repair"] {
        copy_dir(&root().join(example), &tieout.path(example));
    }
    let bin = tieout.path(".bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tieout"), bin.join("tieout")).unwrap();
    let python = bin.join("python3");
    std::fs::write(&python, format!("#!/bin/sh\nexec '{}' \"$@\"\n", venv("python").display())).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&python, executable).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", bin.display());
    tieout.env("PATH", path)
}

/// The block with each command followed by what it printed.
fn session(page: &str, tieout: &Tieout, block: &[&str]) -> String {
    let mut out = String::new();
    let mut lines = block.iter().copied().peekable();
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("{page}: `{line}` is no command"));
        let mut command = command.to_string();
        out.push_str(&format!("{line}\n"));
        while command.ends_with('\\') {
            let more = lines.next().unwrap_or_default();
            out.push_str(&format!("{more}\n"));
            command.push_str(&format!("\n{more}"));
        }
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            shown.push(line);
        }
        let shown = shown.join("\n");
        let printed = run(tieout, &command);
        // What differs only in what changes from run to run stays as it is.
        let kept = if matches(shown.trim_end(), printed.trim_end()) { shown.trim_end() } else { printed.trim_end() };
        out.push_str(kept);
        if !kept.is_empty() {
            out.push('\n');
        }
        if lines.peek().is_some() && shown.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

fn run(tieout: &Tieout, command: &str) -> String {
    let finished = Finished::of(tieout.program(Path::new("bash"), ["-c", &format!("exec 2>&1; {command}")]), None);
    with_stable_folder(&finished.stdout, tieout.dir())
}
