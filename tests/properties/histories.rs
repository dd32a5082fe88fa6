//! Files that come one after the other, compared by several runs with one cache: each finds exactly what a run without a
//! cache finds.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tieout::engine::Limits;

use super::case::{Case, cases};
use super::check;
use super::oracle::SIDES;
use super::runner::{Tables, Way};
use super::spilling::wide_rows;

/// Files a side, of which the first are there from the beginning.
const FILES: usize = 4;

/// For each side, whether the next file comes with this run.
type Step = [bool; 2];

/// What is not yet there has a name that is passed over.
fn hide(tables: &Tables) {
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    for side in SIDES {
        for file in 0..FILES {
            let path = tables.path().join(side).join(format!("{file}.parquet"));
            // What was written just now is not remembered.
            File::options().write(true).open(&path).unwrap().set_modified(hour_ago).unwrap();
            if file > 0 {
                fs::rename(&path, path.with_file_name(format!("_{file}.parquet"))).unwrap();
            }
        }
    }
}

fn reveal(tables: &Tables, side: &str, file: usize) {
    let folder = tables.path().join(side);
    fs::rename(folder.join(format!("_{file}.parquet")), folder.join(format!("{file}.parquet"))).unwrap();
}

/// All of what a run tells, but how it went about it. Which of two rows of one value stands under which of their ids is no
/// matter: their maps may be in another order, and their zeros have another sign.
fn told(tables: &Tables, way: &Way) -> Result<(String, String), TestCaseError> {
    let (mut found, report) = tables.report(way)?;
    found.own.sort_by_cached_key(|cells| format!("{cells:?}"));
    Ok((format!("{found:?} {:?}", report.notes), report.why))
}

fn history(mut case: Case, steps: &[Step], limits: Limits) -> Result<(), TestCaseError> {
    case.files = [FILES; 2];
    let tables = Tables::write(&case);
    hide(&tables);
    let plain = Way { limits, ..Way::default() };
    let cached = Way { cache: Some(tables.path().join("cache")), ..plain.clone() };
    let mut there = [1; 2];
    for (run, step) in steps.iter().enumerate() {
        for (side, comes) in step.iter().enumerate() {
            if *comes && there[side] < FILES {
                reveal(&tables, SIDES[side], there[side]);
                there[side] += 1;
            }
        }
        let (expected, _) = told(&tables, &plain)?;
        let (found, why) = told(&tables, &cached)?;
        prop_assert_eq!(found, expected, "run {}: {}", run, why);
        // Each run but the first has what the one before left over.
        prop_assert_eq!(why.contains("left over"), run > 0, "run {}: {}", run, why);
    }
    Ok(())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(any::<Step>(), 2..=4)
}

/// Whatever stands in old and new files, and under however few hashes of keys.
#[test]
fn files_that_come_later_change_nothing() {
    let bits = prop_oneof![3 => Just(64), 1 => 0..=3u32];
    check(40, (cases(24), steps(), bits, 1..=3usize), |(case, steps, bits, threads)| {
        let hash_mask = if bits == 0 { 0 } else { u64::MAX << (64 - bits) };
        history(case, &steps, Limits { memory: 256 << 20, threads, hash_mask, ..Limits::default() })
    });
}

/// What was left over is more than fits in memory by now: it is spilled with the new rows.
#[test]
fn little_memory_changes_nothing() {
    for hash_mask in [u64::MAX, u64::MAX << 62] {
        let mut case = wide_rows(4_000);
        case.files = [FILES; 2];
        let tables = Tables::write(&case);
        hide(&tables);
        let roomy = Way { limits: Limits { hash_mask, ..Way::default().limits }, ..Way::default() };
        let cached = Way { cache: Some(tables.path().join("cache")), ..roomy.clone() };
        told(&tables, &cached).unwrap();
        SIDES.iter().for_each(|side| (1..FILES).for_each(|file| reveal(&tables, side, file)));
        let tight = Way { limits: Limits { memory: 24 << 20, ..cached.limits.clone() }, ..cached };
        let (found, why) = told(&tables, &tight).unwrap();
        assert!(found == told(&tables, &roomy).unwrap().0, "{why}");
        assert!(why.contains("left over"), "{why}");
    }
}
