//! Writes a case's tables, reconciles them through the library, and reads the divergence table back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::parquet::arrow::ArrowWriter;
use proptest::test_runner::TestCaseError;
use tempfile::TempDir;
use tieout::engine::{Limits, Strategy};
use tieout::project::dataset_from_path;
use tieout::project::model::{Allow, ColumnRule, MatchRule, Project, Rule, RuleKind, Severity, Tolerance};
use tieout::run::report::RuleReport;
use tieout::run::{RunOptions, run};

use super::arrays;
use super::case::{Case, Near, Storage};
use super::oracle::{Divergence, SIDES, Verdict};
use super::value::{Mode, Value};
use crate::support::data;

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// How a run goes about it; none of this may change what it finds.
#[derive(Debug, Clone)]
pub struct Way {
    pub strategy: Strategy,
    pub limits: Limits,
    pub cache: Option<PathBuf>,
}

impl Default for Way {
    fn default() -> Self {
        let limits = Limits { memory: 256 << 20, threads: 2, ..Limits::default() };
        Self { strategy: Strategy::Digest, limits, cache: None }
    }
}

/// What a run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub verdict: Verdict,
    /// (divergence_id, kind, side), sorted.
    pub ids: Vec<(String, String, String)>,
    /// The compared columns of each side as they were written, in each side's own type; in the order of `ids`.
    pub own: Vec<[Vec<Value>; 2]>,
    /// The ids as they stand in the table, which is sorted.
    pub in_table: Vec<String>,
    pub outcome: &'static str,
}

/// A case's tables on disk.
pub struct Tables {
    dir: TempDir,
    case: Case,
}

impl Tables {
    pub fn write(case: &Case) -> Self {
        let dir = tempfile::Builder::new().prefix("tieout-properties-").tempdir().unwrap();
        for (side, name) in SIDES.into_iter().enumerate() {
            let rows = &case.rows[side];
            let files = case.files[side].max(1);
            let lot = rows.len().div_ceil(files).max(1);
            for file in 0..files {
                let rows = rows.chunks(lot).nth(file).unwrap_or_default();
                write(&dir.path().join(name).join(format!("{file}.parquet")), &batch(case, side, rows));
            }
        }
        Self { dir, case: case.clone() }
    }

    /// A file a side, in row groups of so many rows.
    pub fn write_groups(case: &Case, rows: [usize; 2]) -> Self {
        let dir = tempfile::Builder::new().prefix("tieout-properties-").tempdir().unwrap();
        for (side, name) in SIDES.into_iter().enumerate() {
            let groups = case.rows[side].chunks(rows[side]).map(|rows| batch(case, side, rows));
            let groups: Vec<RecordBatch> = groups.collect();
            let groups = if groups.is_empty() { vec![batch(case, side, &[])] } else { groups };
            data::write_row_groups(&dir.path().join(name).join("0.parquet"), &groups);
        }
        Self { dir, case: case.clone() }
    }

    /// Where `source` and `target` are.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What the run found; an error of the run fails the case.
    pub fn reconcile(&self, way: &Way) -> Result<Found, TestCaseError> {
        Ok(self.report(way)?.0)
    }

    /// With all that it says.
    pub fn report(&self, way: &Way) -> Result<(Found, RuleReport), TestCaseError> {
        self.try_reconcile(way).map_err(|e| TestCaseError::fail(format!("{way:?}: {e:?}")))
    }

    fn try_reconcile(&self, way: &Way) -> tieout::Result<(Found, RuleReport)> {
        let out = tempfile::tempdir_in(self.dir.path()).unwrap();
        let project = project(self.dir.path(), rule(&self.case));
        let report = execute(&project, way, out.path())?;
        let table = data::read_parquet(&out.path().join("divergences"));
        Ok((found(&self.case, &report, &table), report))
    }
}

/// A project of one rule, `r`, over `source` and `target`, which are folders in `dir`.
pub fn project(dir: &Path, rule: MatchRule) -> Project {
    let dataset = |name: &str| dataset_from_path(name, name, &[], dir).unwrap();
    let rule = Rule {
        name: "r".into(),
        kind: RuleKind::Match(rule),
        severity: Severity::Error,
        owner: None,
        description: None,
        allow: Allow::default(),
        repair: Default::default(),
        location: None,
        version: String::new(),
    };
    Project { dir: dir.into(), datasets: SIDES.map(dataset).into(), rules: vec![rule], ..Project::default() }
}

pub fn execute(project: &Project, way: &Way, out: &Path) -> tieout::Result<RuleReport> {
    let options = RunOptions {
        limits: way.limits.clone(),
        strategy: Some(way.strategy),
        cache: way.cache.as_ref().map(|cache| cache.display().to_string()),
        budget: Default::default(),
        goes_on: false,
        resume: None,
        guarantee: None,
        limit: 3,
        out: Some(out.display().to_string()),
        progress: Arc::default(),
        databases: Arc::default(),
        journal: Arc::default(),
    };
    RUNTIME.block_on(run(project, &[], &options)).map(|mut report| report.rules.remove(0))
}

/// A match of all columns by `key`, nothing else said.
pub fn plain_rule(key: &[&str]) -> MatchRule {
    MatchRule {
        dataset: tieout::BySide::new("source".into(), "target".into()),
        key: key.iter().map(|k| k.to_string()).collect(),
        filter: None,
        side_filter: Default::default(),
        columns: Default::default(),
        only: None,
        map: Default::default(),
        settle: None,
        recheck: None,
    }
}

fn rule(case: &Case) -> MatchRule {
    let keys: Vec<&str> = case.columns[..case.keys].iter().map(|c| c.name.as_str()).collect();
    let mut rule = plain_rule(&keys);
    for column in &case.columns {
        let Some(near) = column.near else { continue };
        let time = matches!(column.mode, Mode::Floor(_));
        let tolerance = match near {
            Near::Absolute(ns) if time => Tolerance::Duration(std::time::Duration::from_nanos(ns as u64)),
            Near::Absolute(millionths) => Tolerance::Absolute(format!("{millionths}e-6")),
            Near::Percent(percent) => Tolerance::Relative(format!("{percent}e-2")),
        };
        rule.columns.insert(column.name.clone(), ColumnRule { tolerance: Some(tolerance), ..Default::default() });
    }
    rule
}

fn batch(case: &Case, side: usize, rows: &[Vec<Value>]) -> RecordBatch {
    let mut columns: Vec<(Field, ArrayRef)> = (case.columns.iter().enumerate())
        .map(|(i, column)| {
            let cells: Vec<Value> = rows.iter().map(|row| row[i].clone()).collect();
            let plain = arrays::array(&column.types[side], &cells);
            let array = arrays::cast(plain, &stored(&column.types[side], column.storage[side]));
            (Field::new(&column.name, array.data_type().clone(), true), array)
        })
        .collect();
    if case.reversed && side == 1 {
        columns.reverse();
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn stored(plain: &DataType, storage: Storage) -> DataType {
    match (storage, plain) {
        (Storage::Dictionary, DataType::Utf8 | DataType::Binary | DataType::Int64 | DataType::Int32) => {
            DataType::Dictionary(Box::new(DataType::Int16), Box::new(plain.clone()))
        }
        (Storage::View, DataType::Utf8) => DataType::Utf8View,
        (Storage::View, DataType::Binary) => DataType::BinaryView,
        (Storage::Large, DataType::Utf8) => DataType::LargeUtf8,
        (Storage::Large, DataType::Binary) => DataType::LargeBinary,
        (Storage::Large, DataType::List(item)) => DataType::LargeList(item.clone()),
        _ => plain.clone(),
    }
}

fn write(path: &Path, batch: &RecordBatch) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// The report and the table, in the oracle's words.
fn found(case: &Case, report: &RuleReport, table: &RecordBatch) -> Found {
    let keyed = case.keys > 0;
    let (keys, columns) = case.columns.split_at(if keyed { case.keys } else { case.columns.len() });
    let values = |name: &str| -> Vec<Value> {
        arrays::values(table.column_by_name(name).unwrap_or_else(|| panic!("no column {name} in {table:?}")))
    };
    let text = |name: &str| -> Vec<String> {
        table.column_by_name(name).unwrap().as_string::<i32>().iter().map(|t| t.unwrap().to_string()).collect()
    };
    let (id, kind, side) = (text("divergence_id"), text("kind"), text("side"));
    let key_cells: Vec<Vec<Value>> = keys.iter().map(|column| values(&column.name)).collect();
    let own: [Vec<Vec<Value>>; 2] =
        SIDES.map(|side| columns.iter().map(|column| values(&format!("{side}_{}", column.name))).collect());
    let changed = table.column_by_name("changed_columns").unwrap().as_list::<i32>();
    let changed = |row: usize| {
        changed
            .is_valid(row)
            .then(|| changed.value(row).as_string::<i32>().iter().map(|t| t.unwrap().to_string()).collect::<Vec<_>>())
    };
    let mut rows: Vec<_> = (0..table.num_rows())
        .map(|row| {
            let canon = |columns: &[super::case::Column], cells: &[Vec<Value>]| {
                columns.iter().zip(cells).map(|(column, cells)| column.canon(&cells[row])).collect::<Vec<_>>()
            };
            let divergence = Divergence {
                kind: kind[row].clone(),
                side: side[row].clone(),
                key: canon(keys, &key_cells),
                changed: changed(row),
                cells: [canon(columns, &own[0]), canon(columns, &own[1])],
            };
            let own = [0, 1].map(|side| own[side].iter().map(|cells| cells[row].clone()).collect::<Vec<_>>());
            ((id[row].clone(), kind[row].clone(), side[row].clone()), own, divergence)
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let mut divergences: Vec<Divergence> = rows.iter().map(|row| row.2.clone()).collect();
    divergences.sort();
    let counts = &report.rows;
    let kinds = [
        ("missing_in_target", counts.missing_in_target),
        ("missing_in_source", counts.missing_in_source),
        ("value_mismatch", counts.value_mismatch),
        ("duplicate_key", counts.duplicate_key),
    ];
    let verdict = Verdict {
        rows: [counts.source, counts.target],
        equal: counts.equal,
        kinds: kinds.into_iter().filter(|(_, n)| *n > 0).map(|(kind, n)| (kind.to_string(), n)).collect(),
        columns: report.columns.iter().map(|c| (c.column.clone(), c.value_mismatch, c.within_tolerance)).collect(),
        divergences,
    };
    assert!(report.schema.is_empty(), "{:?}\n{case:?}", report.schema);
    let (ids, own) = rows.into_iter().map(|row| (row.0, row.1)).unzip();
    Found { verdict, ids, own, in_table: id, outcome: report.outcome.as_str() }
}
