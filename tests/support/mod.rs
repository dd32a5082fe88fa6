//! What the tests share: the built binary, a browser, real servers (S3, PostgreSQL, MariaDB) and a proxy that makes their networks bad,
//! Python's readers, and tables written from literal text.
//!
//! Nothing here skips: what is missing fails the test and says how to get it.

#![allow(dead_code, reason = "a kit: a helper stays while no test happens to need it")]

pub mod browser;
pub mod daemon;
pub mod data;
pub mod mariadb;
pub mod postgres;
pub mod proxy;
pub mod python;
pub mod tieout;
pub mod types;
pub mod weed;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program or a script of the tests' Python environment, which `scripts/setup-tests` makes.
pub fn venv(program: &str) -> PathBuf {
    let venv = match (std::env::var_os("TIEOUT_VENV"), std::env::var_os("CI"), std::env::var_os("HOME")) {
        (Some(venv), ..) => PathBuf::from(venv),
        (None, Some(_), Some(home)) => PathBuf::from(home).join(".cache/tieout/venv"),
        _ => root().join(".venv"),
    };
    let path = venv.join("bin").join(program);
    assert!(path.exists(), "{} is missing: run scripts/setup-tests first", path.display());
    path
}

/// Copies a folder with all that is in it, but for what a run wrote (`out`).
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap_or_else(|e| panic!("{}: {e}", to.display()));
    for entry in std::fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if !entry.file_type().unwrap().is_dir() {
            std::fs::copy(entry.path(), target).unwrap();
        } else if entry.file_name() != "out" {
            copy_dir(&entry.path(), &target);
        }
    }
}
