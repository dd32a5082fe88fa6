//! Run reports made by hand, for the tests of this room and of `cli`.

use std::sync::Arc;

use chrono::{TimeZone, Utc};
use datafusion::arrow::array::builder::{ListBuilder, StringBuilder, StructBuilder};
use datafusion::arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};

use crate::project::model::Severity;
use crate::run::report::{
    AllowUsed, ColumnCounts, Guarantee, Outcome, RowCounts, RuleReport, RunReport, SchemaDifferences, TypeDiffers, Work,
};
use crate::side::BySide;

const RUN: &str = "019a2b3c-0000-7000-8000-000000000001";

pub fn run(rules: Vec<RuleReport>) -> RunReport {
    let outcome = rules.iter().map(|rule| rule.outcome).max().unwrap_or(Outcome::Reconciled);
    let started_at = Utc.timestamp_opt(1_767_225_600, 0).single().unwrap();
    RunReport { run_id: RUN.into(), outcome, started_at, elapsed_ms: 1203, rules }
}

pub fn reconciled(name: &str) -> RuleReport {
    RuleReport {
        rule: name.into(),
        kind: "match",
        outcome: Outcome::Reconciled,
        guarantee: Guarantee::Digest128,
        strategy: "digest",
        why: "24 bytes a row tell which rows may differ".into(),
        work: Work::default(),
        severity: Severity::Error,
        owner: None,
        rows: RowCounts { source: 1500, target: 1500, equal: 1500, ..RowCounts::default() },
        settled: None,
        acknowledged: Default::default(),
        columns: vec![counts("amount", 0, 3), counts("status", 0, 0)],
        schema: SchemaDifferences::default(),
        notes: vec![],
        coverage: None,
        divergences: Some(format!("out/divergences/rule={name}/run={RUN}/")),
        allow: None,
        elapsed_ms: 812,
        key: vec!["id".into()],
        datasets: Some(BySide::new("erp.orders".into(), "lake.orders".into())),
        sample: None,
    }
}

fn counts(column: &str, value_mismatch: u64, within_tolerance: u64) -> ColumnCounts {
    ColumnCounts { column: column.into(), value_mismatch, within_tolerance }
}

/// Every kind of divergence, and everything else that a report can hold.
pub fn diverged() -> RunReport {
    let mut rule = reconciled("orders");
    rule.outcome = Outcome::Diverged;
    rule.severity = Severity::Critical;
    rule.owner = Some("finance-ops".into());
    rule.rows = RowCounts {
        source: 6_001_215,
        target: 6_001_173,
        equal: 5_983_355,
        value_mismatch: 11_909,
        missing_in_target: 5951,
        missing_in_source: 5909,
        duplicate_key: 0,
        rule_violation: 0,
    };
    rule.columns = vec![counts("amount", 5955, 12), counts("status", 6000, 0), counts("comment", 0, 0)];
    rule.schema = SchemaDifferences {
        only_in_source: vec!["legacy".into()],
        only_in_target: vec![],
        type_differs: vec![TypeDiffers { column: "x".into(), types: BySide::new("Utf8".into(), "Binary".into()) }],
    };
    rule.work = Work {
        estimated_rows: Some(12_002_388),
        bytes_read: 411_041_792,
        rows_read: 12_002_388,
        rows_per_second: 14_781_266,
        bytes_per_second: 506_208_000,
        spilled_bytes: 3 << 29,
    };
    rule.notes = vec!["id: Int32 in the source, Int64 in the target; compared as Int64".into()];
    rule.sample = Some(sample());
    run(vec![rule])
}

fn id(n: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("{i:032x}"))))
}

fn texts<const N: usize>(texts: [Option<&str>; N]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn amounts<const N: usize>(cents: [Option<i128>; N]) -> ArrayRef {
    Arc::new(Decimal128Array::from(cents.to_vec()).with_precision_and_scale(12, 2).unwrap())
}

fn lists(rows: &[&[&str]]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in rows {
        row.iter().for_each(|text| builder.values().append_value(text));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// A list of {side, column, text} a row: at most one entry each here.
fn unreadable(rows: &[Option<[&str; 3]>]) -> ArrayRef {
    let fields = ["side", "column", "text"].map(|name| Field::new(name, DataType::Utf8, true)).to_vec();
    let mut builder = ListBuilder::new(StructBuilder::from_fields(fields, 1));
    for row in rows {
        if let Some(texts) = row {
            for (i, text) in texts.iter().enumerate() {
                builder.values().field_builder::<StringBuilder>(i).unwrap().append_value(text);
            }
            builder.values().append(true);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn sample() -> RecordBatch {
    let missing = ("missing_in_target", "missing_in_source");
    RecordBatch::try_from_iter_with_nullable([
        ("run_id", texts([Some(RUN); 6]), false),
        ("divergence_id", id(6), false),
        (
            "kind",
            texts([
                Some("schema_mismatch"),
                Some("value_mismatch"),
                Some("value_mismatch"),
                Some(missing.0),
                Some(missing.1),
                Some("duplicate_key"),
            ]),
            false,
        ),
        (
            "side",
            texts([Some("both"), Some("both"), Some("both"), Some("source"), Some("target"), Some("target")]),
            false,
        ),
        ("id", Arc::new(Int64Array::from(vec![None, Some(17), Some(18), Some(19), Some(20), Some(21)])), true),
        ("changed_columns", lists(&[&["x"], &["amount", "status"], &["amount"], &[], &[], &[]]), false),
        ("source_amount", amounts([None, Some(1250), None, Some(700), None, None]), true),
        ("target_amount", amounts([None, Some(1251), Some(99), None, Some(800), Some(300)]), true),
        ("source_status", texts([None, Some("open"), Some("open"), None, None, None]), true),
        ("target_status", texts([None, None, Some("open"), None, Some("NULL"), Some("a\nb")]), true),
        ("unreadable", unreadable(&[None, None, Some(["source", "amount", "12,x"]), None, None, None]), false),
    ])
    .unwrap()
}

pub fn long_values() -> RunReport {
    let mut report = diverged();
    let (same, tail) = ("lorem ipsum ".repeat(10), "dolor sit amet ".repeat(10));
    let comment = |c: &str| texts([Some(format!("{same}{c}{tail}").as_str())]);
    let rule = &mut report.rules[0];
    rule.sample = Some(
        RecordBatch::try_from_iter_with_nullable([
            ("run_id", texts([Some(RUN)]), false),
            ("divergence_id", id(1), false),
            ("kind", texts([Some("value_mismatch")]), false),
            ("side", texts([Some("both")]), false),
            ("id", texts([Some("k".repeat(200).as_str())]), true),
            ("changed_columns", lists(&[&["comment", "price_of_everything"]]), false),
            ("source_comment", comment("A"), true),
            ("target_comment", comment("B"), true),
            ("source_price_of_everything", amounts([Some(1)]), true),
            ("target_price_of_everything", amounts([Some(2)]), true),
            ("unreadable", unreadable(&[None]), false),
        ])
        .unwrap(),
    );
    rule.divergences = Some("out/".into());
    report
}

pub fn totals() -> RuleReport {
    RuleReport {
        kind: "totals",
        outcome: Outcome::Inconclusive,
        guarantee: Guarantee::Exact,
        strategy: "join",
        rows: RowCounts { source: 31, target: 30, equal: 30, missing_in_target: 1, ..RowCounts::default() },
        columns: vec![counts("revenue", 0, 0)],
        notes: vec!["no row is older than 15 minutes".into()],
        key: vec!["day".into(), "currency".into()],
        coverage: None,
        divergences: None,
        ..reconciled("daily_totals")
    }
}

pub fn sql() -> RuleReport {
    let sample = RecordBatch::try_from_iter_with_nullable([
        ("run_id", texts([Some(RUN); 2]), false),
        ("divergence_id", id(2), false),
        ("kind", texts([Some("rule_violation"); 2]), false),
        ("account", texts([Some("DE 01"), None]), true),
        ("balance", amounts([Some(-1250), Some(-3)]), true),
    ])
    .unwrap();
    RuleReport {
        kind: "sql",
        outcome: Outcome::Diverged,
        guarantee: Guarantee::Exact,
        strategy: "query",
        rows: RowCounts { rule_violation: 2, ..RowCounts::default() },
        columns: vec![],
        key: vec!["account".into()],
        datasets: None,
        sample: Some(sample),
        ..reconciled("negative_balance")
    }
}

pub fn within_budget() -> RuleReport {
    RuleReport {
        rows: RowCounts { source: 10, target: 10, equal: 9, value_mismatch: 1, ..RowCounts::default() },
        allow: Some(AllowUsed {
            rows: Some(2),
            rate: Some(0.2),
            age: None,
            used_rows: 1,
            used_rate: 0.1,
            used_age: None,
        }),
        ..reconciled("budgeted")
    }
}

pub fn schema_only() -> RuleReport {
    RuleReport {
        outcome: Outcome::Diverged,
        schema: SchemaDifferences { only_in_target: vec!["extra".into()], ..SchemaDifferences::default() },
        ..reconciled("schema_only")
    }
}
