//! The vocabulary as queries see it.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::register;
use crate::error::{Error, ErrorKind};

async fn session() -> SessionContext {
    let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(3).with_batch_size(7));
    register(&ctx).unwrap_or_else(|e| panic!("{e}"));
    for sql in [
        "CREATE TABLE t AS SELECT value AS id, value % 3 AS part, 'row ' || value AS name FROM range(0, 100)",
        "CREATE TABLE back AS SELECT id, part, name FROM t ORDER BY id DESC",
        "CREATE TABLE other AS SELECT id, part, CASE id WHEN 57 THEN 'changed' ELSE name END AS name FROM t",
        "CREATE VIEW v AS SELECT checksum(row_digest(*)) AS sum FROM t",
    ] {
        run(&ctx, sql).await;
    }
    ctx
}

async fn try_run(ctx: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    Ok(ctx.sql(sql).await?.collect().await?)
}

async fn run(ctx: &SessionContext, sql: &str) -> Vec<RecordBatch> {
    try_run(ctx, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

/// The rows of a result as text, cells apart by ` | `.
async fn rows(ctx: &SessionContext, sql: &str) -> Vec<String> {
    let batches = run(ctx, sql).await;
    let shown = pretty_format_batches(&batches).map(|table| table.to_string()).unwrap_or_default();
    shown
        .lines()
        .skip(3)
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" | "))
        .collect()
}

async fn one(ctx: &SessionContext, sql: &str) -> String {
    rows(ctx, sql).await.join("\n")
}

async fn error(ctx: &SessionContext, sql: &str) -> Error {
    try_run(ctx, sql).await.err().unwrap_or_else(|| panic!("no error: {sql}"))
}

#[tokio::test]
async fn a_star_stands_for_all_columns() {
    let ctx = session().await;
    let sum = one(&ctx, "SELECT checksum(row_digest(id, part, name)) FROM t").await;
    assert_eq!(sum.len(), 32);
    for sql in [
        "SELECT checksum(row_digest(*)) FROM t",
        "SELECT checksum(row_digest(x.*)) FROM t AS x",
        "SELECT checksum(row_digest(x.*)) FROM t AS x JOIN back ON x.id = back.id",
        "SELECT checksum(d) FROM (SELECT row_digest(*) AS d FROM t)",
        "SELECT checksum(\"row_digest(*)\") FROM (SELECT row_digest(*) FROM t)",
        "SELECT checksum(row_digest(*)) FROM (SELECT * FROM t WHERE id >= 0)",
        "SELECT * FROM v",
        "WITH w AS (SELECT * FROM t) SELECT checksum(row_digest(*)) FROM w",
        "SELECT (SELECT checksum(row_digest(*)) FROM t)",
        "SELECT checksum(row_digest(*)) FROM back",
    ] {
        assert_eq!(one(&ctx, sql).await, sum, "{sql}");
    }
    assert_ne!(one(&ctx, "SELECT checksum(row_digest(*)) FROM other").await, sum);
    // Windows are no columns of the table.
    for sql in [
        "SELECT checksum(d) FROM (SELECT row_digest(*) AS d, row_number() OVER (ORDER BY id) AS n FROM t)",
        "SELECT DISTINCT s FROM (SELECT checksum(row_digest(*)) OVER () AS s, row_number() OVER (ORDER BY id) AS n, \
         sum(id) OVER (PARTITION BY part) AS m FROM t)",
    ] {
        assert_eq!(one(&ctx, sql).await, sum, "{sql}");
    }
    for sql in ["SELECT part, row_digest(*) FROM t GROUP BY part", "SELECT id FROM t ORDER BY row_digest(*)"] {
        assert_eq!(error(&ctx, sql).await.kind(), ErrorKind::Sql, "{sql}");
    }
    let ordered = "SELECT row_digest(*) FROM t ORDER BY row_digest(*) LIMIT 1";
    assert_eq!(one(&ctx, ordered).await, one(&ctx, "SELECT min(d) FROM (SELECT row_digest(*) AS d FROM t)").await);
    let differs = "SELECT id FROM (SELECT id, row_digest(*) AS d FROM t) JOIN \
                   (SELECT id AS other_id, row_digest(*) AS other_d FROM other) ON id = other_id WHERE d <> other_d";
    assert_eq!(one(&ctx, differs).await, "57");
    assert_eq!(
        rows(&ctx, "SELECT id FROM t WHERE row_digest(*) NOT IN (SELECT row_digest(*) FROM other)").await,
        ["57"]
    );
}

#[tokio::test]
async fn checksums_add_up() {
    let ctx = session().await;
    let zeros = "0".repeat(32);
    assert_eq!(one(&ctx, "SELECT checksum(row_digest(*)) FROM t WHERE id < 0").await, zeros);
    assert_eq!(one(&ctx, "SELECT checksum(NULL)").await, zeros);
    let all = one(&ctx, "SELECT checksum(row_digest(*)) FROM t").await;
    let parts = "SELECT checksum(sum) FROM (SELECT part, checksum(row_digest(*)) AS sum FROM t GROUP BY part)";
    assert_eq!(one(&ctx, parts).await, all);
    let filtered = "SELECT checksum(a) FROM (SELECT checksum(row_digest(*)) FILTER (WHERE part = 1) AS a FROM t \
                    UNION ALL SELECT checksum(row_digest(*)) FILTER (WHERE part <> 1) FROM t GROUP BY part)";
    assert_eq!(one(&ctx, filtered).await, all);
    let sliding = "SELECT count(*) FROM (SELECT row_digest(id) AS d, checksum(row_digest(id)) OVER (ORDER BY id ROWS \
                   BETWEEN CURRENT ROW AND CURRENT ROW) AS sum FROM t) WHERE d <> sum";
    assert_eq!(one(&ctx, sliding).await, "0");
    assert!(error(&ctx, "SELECT checksum(id) FROM t").await.message().contains("row_digest"));
}

#[tokio::test]
async fn keys_spread_over_segments() {
    let ctx = session().await;
    let counts = rows(&ctx, "SELECT segment(id, 4) AS s, count(*) FROM t GROUP BY s ORDER BY s").await;
    assert_eq!(counts.len(), 4, "{counts:?}");
    assert_eq!(
        one(&ctx, "SELECT count(*) FROM t JOIN back ON t.id = back.id WHERE segment(t.id, 9) <> segment(back.id, 9)")
            .await,
        "0"
    );
    assert_eq!(one(&ctx, "SELECT max(segment(id, name, 1)) FROM t").await, "0");
    for sql in [
        "SELECT segment(id, 0) FROM t",
        "SELECT segment(id, -1) FROM t",
        "SELECT segment(id, 'x') FROM t",
        "SELECT segment(id, part) FROM t",
        "SELECT segment(4)",
    ] {
        let error = error(&ctx, sql).await;
        assert_eq!(error.kind(), ErrorKind::Sql, "{sql}: {error}");
    }
}

#[tokio::test]
async fn literals_and_columns_give_the_same() {
    let ctx = session().await;
    for (call, expected) in [
        ("read_text('7.0', 'Int64')", "7"),
        ("read_text('7.5', 'Int64')", ""),
        ("text_residue('7.5', 'Int64')", "7.5"),
        ("text_residue('7', 'Int64')", ""),
        ("text_residue(NULL, 'Int64')", ""),
        ("read_text('2024-07-01 00:00', 'Timestamp(s, \"UTC\")', 'Europe/Berlin')", "2024-06-30T22:00:00Z"),
        ("text_residue('2024-03-31 02:30', 'Timestamp(s, \"UTC\")', 'Europe/Berlin')", "2024-03-31 02:30"),
        ("in_timezone(timestamp '2024-07-01 00:00:00', 'Europe/Berlin')", "2024-06-30T22:00:00Z"),
        ("in_timezone(timestamp '2024-10-27 02:30:00', 'Europe/Berlin')", ""),
        ("timezone_residue(timestamp '2024-10-27 02:30:00', 'Europe/Berlin')", "2024-10-27T02:30:00"),
        ("in_timezone(date '2024-07-01', '+02:00')", "2024-06-30T22:00:00Z"),
        ("to_common(1, 'Decimal128(12, 2)')", "1.00"),
        ("trim_unicode('\u{2003} x\u{a0}')", "x"),
        ("lower_unicode('ÄB')", "äb"),
        ("nfc('e\u{301}')", "é"),
        ("within(arrow_cast('1.01', 'Decimal128(12, 2)'), 1, 'absolute', '0.01')", "true"),
        ("within(NULL, 1.01, 'absolute', '0.01')", "false"),
        ("within(NULL, NULL, 'absolute', '0.01')", "true"),
        ("within(date '2024-01-01', timestamp '2024-01-01 00:00:01', 'duration', '1000000000')", "true"),
        ("plain_float(CAST('-0' AS DOUBLE))", "0.0"),
        ("canonical_value(NULL)", ""),
        ("canonical_value([1])", "10010000000200080100000000000000"),
    ] {
        assert_eq!(one(&ctx, &format!("SELECT {call}")).await, expected, "{call}");
    }
    let per_row = "SELECT count(*) FROM t WHERE read_text(CAST(id AS VARCHAR) || '.0', 'Int64') = id \
                   AND text_residue(name, 'Int64') = name AND within(id, id + 1, 'absolute', '1')";
    assert_eq!(one(&ctx, per_row).await, "100");
}

#[tokio::test]
async fn an_unreadable_cell_is_named() {
    let ctx = session().await;
    let sql = "SELECT read_strict(x, 'Decimal128(12, 2)', 'bank.lines.amount') FROM (VALUES ('1.00'), ('abc')) v(x)";
    let error = error(&ctx, sql).await;
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(error.message(), "`abc` in bank.lines.amount cannot be read as decimal(12, 2)");
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused_when_planned() {
    let ctx = session().await;
    for (call, kind) in [
        ("to_common(1.5, 'Int64')", ErrorKind::Schema),
        ("to_common(1, 'Nonsense')", ErrorKind::Sql),
        ("to_common(1, name)", ErrorKind::Sql),
        ("within('a', 'b', 'absolute', '1')", ErrorKind::Schema),
        ("within(1, 2, 'duration', '1')", ErrorKind::Schema),
        ("within(1, 2, 'absolute', 'much')", ErrorKind::Config),
        ("read_text(1, 'Int64')", ErrorKind::Sql),
        ("read_text('1', 'List(Int64)')", ErrorKind::Schema),
        ("in_timezone(timestamp '2024-07-01 00:00:00', 'Mars')", ErrorKind::Config),
        ("in_timezone('2024', 'UTC')", ErrorKind::Schema),
        ("trim_unicode(1)", ErrorKind::Schema),
    ] {
        let error = error(&ctx, &format!("SELECT {call} FROM t")).await;
        assert_eq!(error.kind(), kind, "{call}: {error}");
    }
}

#[tokio::test]
async fn values_and_their_types() {
    let ctx = session().await;
    let batches = run(&ctx, "SELECT row_digest(id) AS d, segment(id, 8) AS s FROM t").await;
    let schema = batches[0].schema();
    assert_eq!(schema.field(0).data_type(), &DataType::FixedSizeBinary(16));
    assert!(!schema.field(0).is_nullable());
    let segments: Vec<i64> =
        batches.iter().flat_map(|batch| batch.column(1).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!(segments.len(), 100);
    assert!(segments.iter().all(|segment| (0..8).contains(segment)));
    assert!(batches.iter().all(|batch| batch.column(0).null_count() == 0));
}
