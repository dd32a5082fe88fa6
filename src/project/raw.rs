//! The project file as it is written: what serde reads and `tieout schema` publishes. Every text keeps its place.
//! Nothing is checked here beyond the shape; [`super::resolve`] does the rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::yaml::{Entries, Flag, Given, OneOrMany, Quantity, Short, Text};

/// A tieout project: what to compare, and where the results go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "tieout project")]
pub(crate) struct RawProject {
    /// Where divergence tables and run records go: a folder, relative to this file, or a URL such as s3://bucket/prefix.
    /// Default: ./out
    pub output: Given<Text>,
    /// Where digests of files, and rows that diverge, are remembered, so that a later run reads only what is new: a folder,
    /// relative to this file, or a URL. Default: nowhere.
    pub cache: Given<Text>,
    /// Named tables that rules can read.
    pub datasets: Entries<RawDataset>,
    /// What must agree. A rule with `totals` compares aggregates; any other compares row by row. SQL rules are files:
    /// queries/NAME.sql
    pub rules: Entries<RawRule>,
    /// Values for the placeholders $name in SQL, each with its type: {as_of: {date: 2026-01-31}}
    #[schemars(with = "Entries<ParamSchema>")]
    pub params: Entries<Entries<Quantity>>,
    /// Who may repair what.
    pub repair: Given<RawRepair>,
}

/// A type and a value: {date: 2026-01-31}
#[derive(JsonSchema)]
#[schemars(rename = "Param", extend("minProperties" = 1, "maxProperties" = 1))]
struct ParamSchema(#[allow(dead_code)] std::collections::BTreeMap<String, Quantity>);

/// One dataset: the connector's name, and its options; a path alone for short.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Dataset", extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct RawDataset {
    /// Parquet files.
    pub parquet: Given<Short<RawFiles>>,
    /// CSV, TSV and other delimited text.
    pub csv: Given<Short<RawCsv>>,
    /// JSON, one object a line.
    pub ndjson: Given<Short<RawNdjson>>,
    /// Arrow IPC files (Feather version 2).
    pub arrow: Given<Short<RawFiles>>,
    /// A view over other datasets: SELECT ...
    pub sql: Given<Text>,
    /// A table or a query of PostgreSQL.
    pub postgres: Given<RawDatabase>,
    /// A table or a query of MySQL or MariaDB.
    pub mysql: Given<RawDatabase>,
    /// A table or a query of a SQLite file.
    pub sqlite: Given<RawSqlite>,
}

/// A table or a query of a database server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Database", extend("required" = ["url"]))]
pub(crate) struct RawDatabase {
    /// postgres://user:password@host:5432/database or mysql://user:password@host:3306/database. Take secrets from the
    /// environment: "${ERP_URL}".
    pub url: Given<Text>,
    /// The table or view, with its schema: sales.orders. A part with a dot in it stands in double quotes.
    pub table: Given<Text>,
    /// Instead of a table: SELECT ... in the database's own dialect.
    pub query: Given<Text>,
    /// Columns to be fetched as text, and the type to read them as: {amount: text}
    pub columns: Entries<Text>,
    /// How hard the database may be asked.
    pub limits: Given<RawLimits>,
}

/// A table or a query of a SQLite file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Sqlite", extend("required" = ["path"]))]
pub(crate) struct RawSqlite {
    /// The file, relative to this one.
    pub path: Given<Text>,
    /// The table or view.
    pub table: Given<Text>,
    /// Instead of a table: SELECT ...
    pub query: Given<Text>,
    /// Columns to be fetched as text, and the type to read them as: {amount: "decimal(12,2)"}
    pub columns: Entries<Text>,
}

/// How hard a database may be asked. Datasets of one database share the strictest limits that any of them names.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Limits", extend("minProperties" = 1))]
pub(crate) struct RawLimits {
    /// Connections at the same time. Default: 4
    pub connections: Given<Quantity>,
    /// Rows that are asked for in a second, over all connections. Default: as many as come.
    pub rows_per_second: Given<Quantity>,
    /// After which the server ends a statement: 10m. Default: 1h
    pub statement_timeout: Given<Text>,
    /// Wait while a replica is further behind than this: 30s. Default: it is not asked.
    pub pause_when_lag: Given<Text>,
}

/// Files that say themselves what they hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Files", extend("required" = ["path"]))]
pub(crate) struct RawFiles {
    /// A file, a folder, a glob or a URL (s3://, gs://, az://, https://); relative to this file.
    pub path: Given<Text>,
    /// The columns by which rows are stored in ascending order, if they are. It is checked while rows are read.
    pub sorted_by: Given<OneOrMany<Quantity>>,
}

/// Delimited text.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Csv", extend("required" = ["path"]))]
pub(crate) struct RawCsv {
    /// A file, a folder, a glob or a URL (s3://, gs://, az://, https://); relative to this file.
    pub path: Given<Text>,
    /// What stands between cells: one character, or tab. Default: a comma.
    pub delimiter: Given<Quantity>,
    /// What surrounds a cell that holds a delimiter: one character. Default: "
    pub quote: Given<Text>,
    /// Whether the first line of each file names the columns; if not, they are column_1, column_2 ... Default: true
    pub header: Given<Flag>,
    /// Only utf-8, with or without a byte order mark.
    pub encoding: Given<Text>,
    /// Declared types: {amount: "decimal(12,2)"}. Other columns take the type of the side they are compared with.
    pub columns: Entries<Text>,
    /// Texts that are NULL, besides the empty one.
    pub null: Given<OneOrMany<Quantity>>,
    /// gzip, zstd or none. Default: by each file's ending.
    pub compression: Given<Text>,
    /// The columns by which rows are stored in ascending order, if they are. It is checked while rows are read.
    pub sorted_by: Given<OneOrMany<Quantity>>,
}

/// Newline-delimited JSON.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Ndjson", extend("required" = ["path"]))]
pub(crate) struct RawNdjson {
    /// A file, a folder, a glob or a URL (s3://, gs://, az://, https://); relative to this file.
    pub path: Given<Text>,
    /// Declared types: {amount: "decimal(12,2)"}. Others are inferred.
    pub columns: Entries<Text>,
    /// gzip, zstd or none. Default: by each file's ending.
    pub compression: Given<Text>,
    /// The columns by which rows are stored in ascending order, if they are. It is checked while rows are read.
    pub sorted_by: Given<OneOrMany<Quantity>>,
}

/// A rule: row by row (match), or aggregates (totals).
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Rule", extend("required" = ["source", "target"]))]
pub(crate) struct RawRule {
    /// The dataset that is taken as the reference.
    pub source: Given<Text>,
    /// The dataset that is checked against it.
    pub target: Given<Text>,
    /// Match: the columns that identify a row. Without a key, rows are compared as a multiset.
    pub key: Given<OneOrMany<Text>>,
    /// SQL: the rows that both sides are restricted to, in source names.
    #[serde(rename = "where")]
    pub filter: Given<Text>,
    /// SQL: rows of the source only.
    pub source_where: Given<Text>,
    /// SQL: rows of the target only, in its own names.
    pub target_where: Given<Text>,
    /// Match: how single columns are compared, by source name.
    pub columns: Entries<RawColumn>,
    /// Match: the only columns to compare, besides the key.
    pub only: Given<OneOrMany<Text>>,
    /// Columns that are named differently: {target_column: source_column}
    pub map: Entries<Text>,
    /// Totals: the groups, each a name and an SQL expression.
    pub group_by: Entries<Text>,
    /// Totals: the aggregates, each a name and an SQL expression: {orders: "count(*)"}
    pub totals: Entries<Text>,
    /// Totals: how far an aggregate may be off, by name: 0.01, 1% or 2s.
    pub tolerance: Entries<Quantity>,
    /// Late data: younger rows are left out on both sides.
    pub settle: Given<RawSettle>,
    /// Match: databases that cannot be frozen together. Keys that diverge are read again, and only what persists is a divergence.
    pub recheck: Given<RawRecheck>,
    /// The error budget: no more divergences than this are reconciled.
    pub allow: Given<RawAllow>,
    /// Match: which side is right where they disagree, so that the other one can be repaired. It changes nothing of what is compared.
    #[serde(skip_serializing)]
    pub repair: Given<RawRuleRepair>,
    /// info, warning, error or critical. Default: error
    pub severity: Given<Text>,
    /// Who answers for the rule.
    pub owner: Given<Text>,
    /// What the rule is for.
    pub description: Given<Text>,
}

/// How one column is compared.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Column")]
pub(crate) struct RawColumn {
    /// How far values may be apart, inclusive: 0.01 (absolute), 1% (relative), 2s (times).
    pub tolerance: Given<Quantity>,
    /// Leave out Unicode white space at both ends.
    pub trim: Given<Flag>,
    /// Compare in Unicode lower case.
    pub ignore_case: Given<Flag>,
    /// Compare in Unicode normal form C.
    pub nfc: Given<Flag>,
    /// Compare text as JSON, by value: keys in any order, 1.0 as 1.
    pub json: Given<Flag>,
    /// What a zoneless time means: Europe/Berlin, or an offset such as +02:00.
    pub timezone: Given<Text>,
    /// Do not compare this column.
    pub ignore: Given<Flag>,
    /// SQL that gives the column on the source side.
    pub source: Given<Text>,
    /// SQL that gives the column on the target side, in its own names.
    pub target: Given<Text>,
}

/// Late data.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Settle", extend("required" = ["column", "for"]))]
pub(crate) struct RawSettle {
    /// The column that says how old a row is.
    pub column: Given<Text>,
    /// How old a row must be to be compared: 15m, 2h, 1d.
    #[serde(rename = "for")]
    pub wait: Given<Text>,
}

/// Keys that diverge are read again.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Recheck", extend("required" = ["after"]))]
pub(crate) struct RawRecheck {
    /// How long to wait before they are read again: 30s, 5m.
    pub after: Given<Text>,
    /// How often, as long as any diverges. Default: 1
    pub times: Given<Quantity>,
}

/// The error budget. Where several are given, all must hold.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Allow", extend("minProperties" = 1))]
pub(crate) struct RawAllow {
    /// Divergences.
    pub rows: Given<Quantity>,
    /// Divergences per row of the larger side: 0.0001 or 0.01%.
    pub rate: Given<Quantity>,
    /// How long a divergence may be open: 15m, 2h, 7d.
    pub age: Given<Text>,
}

/// Which side is right, and what is at stake.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "RuleRepair")]
pub(crate) struct RawRuleRepair {
    /// source, target, or SQL over the columns of the divergence table that gives 'source', 'target' or NULL. Or in more words.
    pub authority: Given<Short<RawAuthority>>,
    /// The column that tells what is at stake, by its source name: amount
    pub value: Given<Text>,
}

/// By which side is newer, or column by column.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Authority", extend("minProperties" = 1))]
pub(crate) struct RawAuthority {
    /// The side where this column is greater is right.
    pub newer: Given<Text>,
    /// With newer: the side that is right where a row stands on one side only. Default: a person says so.
    pub missing: Given<Text>,
    /// The side that is right of single columns: {phone: target}
    pub columns: Entries<Text>,
    /// With columns: the side that is right of all others, and of whole rows. Default: a person says so.
    pub otherwise: Given<Text>,
}

/// Who may repair what.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Repair")]
pub(crate) struct RawRepair {
    /// Who may approve plans, each with a public key: {anna: "ed25519:..."}
    pub approvers: Entries<Text>,
    /// What is decided of a change: the first entry that fits. None fits: one approval.
    pub policy: Vec<RawPolicy>,
    /// What keeps automatic repair from becoming a storm.
    pub limits: Given<RawRepairLimits>,
}

/// An entry of the policy: it fits a change for which all of it holds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Policy", extend("required" = ["decide"]))]
pub(crate) struct RawPolicy {
    /// Changes of these rules.
    pub rules: Given<OneOrMany<Text>>,
    /// Divergences of these kinds: missing_in_target, missing_in_source, value_mismatch, duplicate_key
    pub kinds: Given<OneOrMany<Text>>,
    /// Changes that write a value into one of these columns, or take one out of it; source names.
    pub columns: Given<OneOrMany<Text>>,
    /// Rules of this severity.
    pub severity: Given<Text>,
    /// Plans of no more changes.
    pub max_rows: Given<Quantity>,
    /// Plans that change no greater share of the table: 0.05 or 5%
    pub max_share: Given<Quantity>,
    /// Plans in which no more is at stake.
    pub max_value: Given<Quantity>,
    /// auto (no person is asked), approve, or never
    pub decide: Given<Text>,
    /// With approve: by how many people. Default: 1
    pub approvals: Given<Quantity>,
}

/// What keeps automatic repair from becoming a storm.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "RepairLimits", extend("minProperties" = 1))]
pub(crate) struct RawRepairLimits {
    /// Rows that one run may change by itself. Default: 1000
    pub rows_per_run: Given<Quantity>,
    /// Rows that are changed without a person's word in 24 hours. Default: 10000
    pub rows_per_day: Given<Quantity>,
}

/// The JSON Schema of the project file, as `tieout schema` publishes it.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(RawProject).to_value();
    remove_defaults(&mut schema);
    schema
}

/// "Not given" is not a value that anybody can write.
fn remove_defaults(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.remove("default");
            map.values_mut().for_each(remove_defaults);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(remove_defaults),
        _ => {}
    }
}
