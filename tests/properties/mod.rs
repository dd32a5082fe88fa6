//! Properties over random tables, against an oracle that shares nothing with tieout (`oracle`). Tables are small and their
//! values come from small pools, so that keys repeat, rows meet and NULLs stand everywhere.
//!
//! The number of cases is fixed; `TIEOUT_CASES=2000` runs as many of each. A failing case is shrunk and printed whole.

mod arrays;
mod case;
mod histories;
mod hunt;
mod kinds;
mod oracle;
mod orders;
mod planted;
mod ranges;
mod runner;
mod spilling;
mod value;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tieout::engine::{Limits, Strategy as How};

use case::{Case, Storage, cases, shuffle};
use oracle::{expected, mirrored};
use runner::{Tables, Way};

/// Runs `property` over `count` values, or as many as the environment says.
fn check<S: Strategy>(count: u32, strategy: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let cases = match std::env::var("TIEOUT_CASES") {
        Ok(cases) => cases.parse().expect("TIEOUT_CASES is a number"),
        Err(_) => count,
    };
    // Nothing is kept between runs: what failed is printed whole.
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    if let Err(failure) = TestRunner::new(config).run(&strategy, property) {
        panic!("{failure}");
    }
}

/// Whatever the tables hold, the report is what the reference implementation says: counts, kinds, keys, changed columns and
/// cells. Ids are unique, and the run has diverged exactly if there is a divergence.
#[test]
fn the_report_is_what_the_oracle_says() {
    check(60, cases(14), |case: Case| {
        let found = Tables::write(&case).reconcile(&Way::default())?;
        prop_assert_eq!(&found.verdict, &expected(&case));
        prop_assert!(found.ids.windows(2).all(|pair| pair[0].0 != pair[1].0), "ids repeat: {:?}", found.ids);
        prop_assert_eq!(found.outcome, if found.ids.is_empty() { "reconciled" } else { "diverged" });
        Ok(())
    });
}

/// A table reconciled with itself, in another order, with other files and storage, has no divergence, and every row is equal.
#[test]
fn a_table_reconciles_with_itself() {
    check(24, (cases(14), any::<u8>()), |(mut case, seed)| {
        case.rows[1] = case.rows[0].clone();
        shuffle(&mut case.rows[1], seed.into());
        let rows = case.rows[0].len() as u64;
        let found = Tables::write(&case).reconcile(&Way::default())?;
        prop_assert_eq!((found.ids.len(), found.verdict.equal, found.outcome), (0, rows, "reconciled"));
        prop_assert!(found.verdict.columns.iter().all(|(_, differ, near)| (*differ, *near) == (0, 0)));
        Ok(())
    });
}

/// Swapping the sides swaps `missing_in_source` with `missing_in_target`, sides and cells, and changes nothing else.
#[test]
fn swapping_the_sides_mirrors_the_kinds() {
    check(20, cases(14), |case: Case| {
        let there = Tables::write(&case).reconcile(&Way::default())?;
        let back = Tables::write(&case.swapped()).reconcile(&Way::default())?;
        let mut back = mirrored(&back.verdict);
        // The order of the columns is the source's.
        let mut forth = there.verdict;
        back.columns.sort();
        forth.columns.sort();
        for divergence in back.divergences.iter_mut().chain(&mut forth.divergences) {
            divergence.changed.iter_mut().for_each(|columns| columns.sort());
        }
        prop_assert_eq!(forth, back);
        Ok(())
    });
}

/// Strategy, batch size, threads and colliding key hashes (cut to their top 0 to 3 bits) change nothing in the report and the
/// table, ids and own values included.
#[test]
fn the_way_of_comparing_changes_nothing() {
    let limits = |threads, batch_rows, bits: u32| Limits {
        memory: 256 << 20,
        threads,
        batch_rows,
        hash_mask: if bits == 0 { 0 } else { u64::MAX << (64 - bits) },
        range_rows: 10,
    };
    let ways = [
        (How::Join, limits(2, 8192, 64)),
        (How::Digest, limits(1, 1, 64)),
        (How::Digest, limits(3, 3, 0)),
        (How::Digest, limits(2, 8192, 2)),
        (How::Join, limits(5, 2, 3)),
        (How::Merge, limits(2, 8192, 64)),
        (How::Merge, limits(1, 1, 1)),
        (How::Merge, limits(3, 3, 2)),
        (How::Bytes, limits(2, 3, 2)),
    ];
    check(20, cases(14), |case: Case| {
        let tables = Tables::write(&case);
        let found = format!("{:?}", tables.reconcile(&Way::default())?);
        for (strategy, limits) in &ways {
            let way = Way { strategy: *strategy, limits: limits.clone(), ..Way::default() };
            let again = format!("{:?}", tables.reconcile(&way)?);
            prop_assert_eq!(&found, &again, "{:?}", way);
        }
        Ok(())
    });
}

/// Rows in another order, other files, and other storage (dictionary, view, large) change nothing, ids included.
#[test]
fn order_files_and_storage_change_nothing() {
    check(20, (cases(14), any::<[u8; 2]>(), 1..=4usize), |(case, seeds, files)| {
        let found = Tables::write(&case).reconcile(&Way::default())?;
        let mut other = case.clone();
        for (rows, seed) in other.rows.iter_mut().zip(seeds) {
            shuffle(rows, seed.into());
        }
        other.files = [files; 2];
        for (i, column) in other.columns.iter_mut().enumerate() {
            let next = [Storage::View, Storage::Large, Storage::Dictionary, Storage::Plain];
            column.storage = [next[i % 4], next[(i + 1) % 4]];
        }
        let again = Tables::write(&other).reconcile(&Way::default())?;
        prop_assert_eq!(found.verdict, again.verdict);
        prop_assert_eq!(found.ids, again.ids);
        Ok(())
    });
}
