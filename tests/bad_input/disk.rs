//! Outputs that cannot be written, and disks that are full: of results and of what is spilled.

use std::path::Path;
use std::process::Command;

use super::{people, refused, results};
use crate::support::data;
use crate::support::tieout::{Finished, Tieout};

/// Writes past this many blocks of 512 bytes a file fail as on a full disk.
fn limited(tieout: &Tieout, blocks: u32, args: &[&str]) -> Command {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$TIEOUT\" \"$@\"");
    tieout.program(Path::new("/bin/sh"), ["-c", &script, "sh"].iter().chain(args))
}

#[test]
fn an_output_below_a_file() {
    let tieout = people();
    refused(
        &tieout,
        &["diff", "a.csv", "b.parquet", "-k", "id", "--out", "a.csv/out"],
        "output",
        "error: the output a.csv/out cannot be written to
           because Generic LocalFileSystem error: Unable to open file DIR/a.csv/out/_tieout.json#1: Not a directory (os error 20)
         hint: check that it exists or can be made, and that you may write there; or choose another with --out",
    );
}

/// Wherever the disk runs full, in the marker, the table or the record: an error and no result; or enough room, and a whole one.
#[test]
fn a_full_disk() {
    let tieout = people();
    tieout.file("c.csv", &(0..2000).fold("id,name\n".into(), |csv, n| format!("{csv}{n},{:x}\n", n * 7919 % 65_521)));
    tieout.file("d.csv", "id,name\n");
    let before = results(tieout.dir());
    let (mut refused, mut written) = (0, 0);
    for blocks in [0, 1, 4, 8, 16, 24, 32, 40, 48, 64, 96, 2000] {
        let ended =
            Finished::of(limited(&tieout, blocks, &["diff", "c.csv", "d.csv", "-k", "id", "--out", "out"]), None);
        match ended.code {
            Some(2) => {
                let said = &ended.stderr;
                assert!(said.contains("written") && said.contains("hint: check that"), "{said}");
                assert_eq!(results(tieout.dir()), before, "left behind with {blocks} blocks");
                refused += 1;
            }
            Some(1) => {
                assert_eq!(data::read_parquet(&tieout.path("out/divergences")).num_rows(), 2000);
                assert_eq!(data::read_parquet(&tieout.path("out/runs")).num_rows(), 1);
                std::fs::remove_dir_all(tieout.path("out")).unwrap();
                written += 1;
            }
            _ => panic!("{blocks} blocks: {ended:?}"),
        }
    }
    assert!(refused >= 3 && written >= 1, "{refused} refused, {written} written");
}

#[test]
fn a_full_disk_for_what_is_spilled() {
    let tieout = people();
    let rows =
        |step: u64| (0..60_000).fold("id,name\n".to_string(), |csv, n| csv + &format!("{},name {n}\n", n * step));
    tieout.file("c.csv", &rows(7));
    tieout.file("d.csv", &rows(11));
    let before = results(tieout.dir());
    let args = ["diff", "c.csv", "d.csv", "-k", "id", "--out", "out", "--memory", "4MiB"];
    let ended = Finished::of(limited(&tieout, 100, &args), None).exits(2);
    let words = "error: a temporary file could not be written or read\n  in dataset c.csv, side source\n";
    assert!(ended.stderr.starts_with(words) && ended.stderr.contains("(TMPDIR)"), "{}", ended.stderr);
    assert_eq!(results(tieout.dir()), before);
    let elsewhere = tieout.command(args).env("TMPDIR", tieout.path("nowhere")).output().unwrap();
    assert_eq!(elsewhere.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&elsewhere.stderr).starts_with(words), "{elsewhere:?}");
    assert_eq!(results(tieout.dir()), before);
    // With memory enough nothing is spilled, and no disk is asked for it.
    let roomy = args[..7].iter().chain(&["--memory", "256MiB"]);
    let ended = tieout.command(roomy).env("TMPDIR", tieout.path("nowhere")).output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
}

#[test]
fn standard_output_that_is_full() {
    let tieout = people();
    let script = "\"$TIEOUT\" diff a.csv b.parquet -k id >/dev/full";
    let ended = Finished::of(tieout.program(Path::new("/bin/sh"), ["-c", script]), None).exits(2);
    assert!(ended.stderr.starts_with("error: standard output cannot be written\n"), "{}", ended.stderr);
}
