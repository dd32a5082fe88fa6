//! `tieout init`: a small project that runs, to be changed into one's own.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// What is written, in the order in which it is best read.
const FILES: [(&str, &str); 4] = [
    ("tieout.yaml", include_str!("init/tieout.yaml")),
    ("queries/bounced_payments.sql", include_str!("init/bounced_payments.sql")),
    ("data/ledger.csv", include_str!("init/ledger.csv")),
    ("data/bank.csv", include_str!("init/bank.csv")),
];

/// Writes the project into `dir`, which is made if it is not there. Nothing is overwritten: if one of the files exists, none is
/// written. Returns the paths.
pub fn init(dir: &Path) -> Result<Vec<PathBuf>> {
    let paths: Vec<PathBuf> = FILES.iter().map(|(name, _)| dir.join(name)).collect();
    let taken = paths.iter().chain(&[dir.join("tieout.yml")]).find(|path| path.symlink_metadata().is_ok()).cloned();
    if let Some(taken) = taken {
        return Err(Error::new(ErrorKind::Usage, format!("{} is there already", taken.display()))
            .hint("name another folder: tieout init DIR"));
    }
    for (path, (_, text)) in paths.iter().zip(FILES) {
        write_new(path, text).map_err(|error| {
            Error::new(ErrorKind::Output, format!("{} cannot be written", path.display())).source(error)
        })?;
    }
    Ok(paths)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_loads() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new/project");
        assert_eq!(init(&target).unwrap().len(), FILES.len());
        let project = crate::project::load(&target, &|_| None, &[]).unwrap();
        let names: Vec<&str> = project.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["payments", "monthly_totals", "bounced_payments"]);
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        std::fs::write(dir.path().join("data/bank.csv"), "mine").unwrap();
        let error = init(dir.path()).unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Usage, Some("name another folder: tieout init DIR")));
        assert_eq!(std::fs::read_to_string(dir.path().join("data/bank.csv")).unwrap(), "mine");
        assert!(!dir.path().join("tieout.yaml").exists());
    }
}
