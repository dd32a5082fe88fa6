//! The validated project: what the rooms behind `project` work with. No `Option` here means "default"; nothing here
//! has been read from a data system yet.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use crate::error::Location;
use crate::side::{BySide, Side};
use crate::verdict::Kind;

/// A project file, resolved. Relative paths are resolved against `dir`.
#[derive(Debug, Clone, Default)]
pub struct Project {
    pub dir: PathBuf,
    /// Where divergence tables and run records go: a folder or a URL, absolute.
    pub output: String,
    /// Where digests of files, and rows that diverge, are remembered, if anywhere: a folder or a URL, absolute.
    pub cache: Option<String>,
    /// By name, in the order of the file.
    pub datasets: Vec<Dataset>,
    /// In the order of the file; then the files of `queries/`, by name.
    pub rules: Vec<Rule>,
    /// Values for the placeholders `$name`, typed.
    pub params: BTreeMap<String, ScalarValue>,
    pub repair: Repair,
}

#[derive(Debug, Clone)]
pub struct Dataset {
    pub name: String,
    pub connector: Connector,
    /// Where the dataset stands in the project file; none for one made by `tieout diff`.
    pub location: Option<Location>,
}

/// The kind of system behind a dataset.
#[derive(Debug, Clone)]
pub enum Connector {
    Parquet(Files),
    Csv(Files, CsvOptions),
    Ndjson(Files, TextOptions),
    Arrow(Files),
    Database(Database),
    /// A SQL view over other datasets.
    Sql(Fragment),
}

/// A file, a folder, a glob or a URL, absolute; not yet listed.
#[derive(Debug, Clone)]
pub struct Files {
    pub path: String,
    pub compression: Compression,
    /// The columns by which rows are said to be stored in ascending order; none if nothing is said.
    pub sorted_by: Vec<String>,
}

/// A table or a query of a database.
#[derive(Debug, Clone)]
pub struct Database {
    pub system: System,
    /// The URL of the server and its database, without a table; of SQLite, the path of the file, absolute.
    pub location: Secret,
    pub relation: DatabaseRelation,
    /// Columns that are read as text, each to be read as the declared type then.
    pub text: TextOptions,
    pub limits: SourceLimits,
}

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum System {
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    Sqlite,
}

impl System {
    pub fn as_str(self) -> &'static str {
        match self {
            System::Postgres => "postgres",
            System::Mysql => "mysql",
            System::Sqlite => "sqlite",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseRelation {
    /// The parts of a name, as the database stores them: `["sales", "orders"]`.
    Table(Vec<String>),
    /// In the database's own dialect.
    Query(String),
}

/// How hard a database may be asked. The datasets of one database share the strictest that any of them names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceLimits {
    /// Connections at the same time; at least 1.
    pub connections: usize,
    pub rows_per_second: Option<u64>,
    /// After which the server ends a statement.
    pub statement_timeout: Duration,
    /// No rows are asked for while a replica is further behind than this.
    pub pause_when_lag: Option<Duration>,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            connections: 4,
            rows_per_second: None,
            statement_timeout: Duration::from_secs(3600),
            pause_when_lag: None,
        }
    }
}

impl SourceLimits {
    /// What satisfies both.
    pub fn strictest(self, other: Self) -> Self {
        fn least<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(if b < a { b } else { a }),
                (a, b) => a.or(b),
            }
        }
        Self {
            connections: self.connections.min(other.connections),
            rows_per_second: least(self.rows_per_second, other.rows_per_second),
            statement_timeout: self.statement_timeout.min(other.statement_timeout),
            pause_when_lag: least(self.pause_when_lag, other.pause_when_lag),
        }
    }
}

/// A text that may hold a password: it is never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For the driver, and nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// By the ending of each file: `.gz`, `.zst`, or none.
    ByEnding,
    None,
    Gzip,
    Zstd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    pub delimiter: u8,
    pub quote: u8,
    /// Whether the first line of each file names the columns; without it they are `column_1`, `column_2` ...
    pub header: bool,
    /// Texts that are NULL, besides the empty one.
    pub null: Vec<String>,
    pub text: TextOptions,
}

/// What a format without types needs to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// Declared types, by column.
    pub columns: BTreeMap<String, DataType>,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub kind: RuleKind,
    pub severity: Severity,
    pub owner: Option<String>,
    pub description: Option<String>,
    pub allow: Allow,
    pub repair: RuleRepair,
    pub location: Option<Location>,
    /// Hex digest of the rule's own text (YAML or SQL), so that a run record can say which version ran.
    pub version: String,
}

/// How divergences of a rule are repaired.
#[derive(Debug, Clone, Default)]
pub struct RuleRepair {
    /// Which side is right; none: a person says so.
    pub authority: Option<Authority>,
    /// The column, by its source name, that tells what is at stake.
    pub value: Option<String>,
}

/// Which side is right: the other one is written.
#[derive(Debug, Clone)]
pub enum Authority {
    Side(Side),
    /// The side where this column, by its source name, is greater. `missing`: the side that is right where a row stands on one side
    /// only, or repeats; none: a person says so.
    Newer {
        column: String,
        missing: Option<Side>,
    },
    /// Gives 'source' or 'target' over the columns of the divergence table; NULL: a person says so.
    Sql(Fragment),
    /// By column, by its source name; of all others, and of whole rows, `otherwise`.
    Columns {
        otherwise: Option<Side>,
        columns: BTreeMap<String, Side>,
    },
}

/// Who may repair what.
#[derive(Debug, Clone, Default)]
pub struct Repair {
    /// By name, each as `ed25519:` and 64 hexadecimal digits.
    pub approvers: BTreeMap<String, String>,
    /// The first that fits decides.
    pub policy: Vec<Policy>,
    pub limits: RepairLimits,
}

/// What is decided of changes for which all of this holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Names of rules; empty: any.
    pub rules: Vec<String>,
    /// Kinds of divergences; empty: any.
    pub kinds: Vec<Kind>,
    /// A value is written into one of these columns, or taken out of it; names of the source. Empty: any.
    pub columns: Vec<String>,
    pub severity: Option<Severity>,
    /// The whole plan has no more changes.
    pub max_rows: Option<u64>,
    /// No more changes a row of the table, 0 to 1.
    pub max_share: Option<f64>,
    /// What is at stake in the whole plan is no more, and known.
    pub max_value: Option<f64>,
    pub decide: Decide,
}

/// Ordered from lenient to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decide {
    Auto,
    /// So many people, none of whom has proposed it; at least 1.
    Approve(u32),
    Never,
}

/// What keeps automatic repair from becoming a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairLimits {
    pub rows_per_run: u64,
    /// In the last 24 hours.
    pub rows_per_day: u64,
}

impl Default for RepairLimits {
    fn default() -> Self {
        Self { rows_per_run: 1000, rows_per_day: 10_000 }
    }
}

#[derive(Debug, Clone)]
pub enum RuleKind {
    Match(MatchRule),
    Totals(TotalsRule),
    Sql(SqlRule),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    #[default]
    Error,
    Critical,
}

/// The error budget: a run with no more divergences than this is reconciled. Zero by default. Where several are given, all
/// must hold.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Allow {
    pub rows: Option<u64>,
    /// Divergences per row of the larger side, 0 to 1.
    pub rate: Option<f64>,
    /// How long a divergence may be open.
    pub age: Option<Duration>,
}

impl Allow {
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }
}

#[derive(Debug, Clone)]
pub struct MatchRule {
    /// Names of datasets.
    pub dataset: BySide<String>,
    /// Names on the source side (after mapping); empty: rows are compared as a multiset over all columns.
    pub key: Vec<String>,
    /// Rows that both sides are restricted to, in source names.
    pub filter: Option<Fragment>,
    /// Rows of one side, in that side's own names.
    pub side_filter: BySide<Option<Fragment>>,
    /// Options by source name.
    pub columns: BTreeMap<String, ColumnRule>,
    /// The only columns to compare (besides the key); none: all.
    pub only: Option<Vec<String>>,
    /// Target column -> source column.
    pub map: BTreeMap<String, String>,
    pub settle: Option<Settle>,
    /// Only with a key.
    pub recheck: Option<Recheck>,
}

/// What a rule says of one column.
#[derive(Debug, Clone, Default)]
pub struct ColumnRule {
    /// SQL that gives the column on a side, in that side's own names.
    pub expression: BySide<Option<Fragment>>,
    pub tolerance: Option<Tolerance>,
    pub trim: bool,
    pub ignore_case: bool,
    pub nfc: bool,
    /// Compare text as JSON, by value. Not together with `ignore_case` and `nfc`.
    pub json: bool,
    /// What a zoneless time of this column means: an IANA zone or an offset.
    pub timezone: Option<String>,
    pub ignore: bool,
    pub location: Option<Location>,
}

/// Inclusive. Decimal numbers stay text so that no digit is lost on the way.
#[derive(Debug, Clone, PartialEq)]
pub enum Tolerance {
    /// `abs(source - target) <= a`, e.g. "0.005".
    Absolute(String),
    /// `abs(source - target) <= r * max(abs(source), abs(target))`; "1%" is "0.01".
    Relative(String),
    /// For times.
    Duration(Duration),
}

/// Late data: rows whose `column` is younger than the start of the run less `wait` are left out on both sides.
#[derive(Debug, Clone)]
pub struct Settle {
    pub column: String,
    pub wait: Duration,
}

/// Systems that cannot be frozen together: rows of keys that diverge are read again, and only what persists is a divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recheck {
    /// From one look to the next.
    pub after: Duration,
    /// Looks after the first one; at least 1.
    pub times: u32,
}

#[derive(Debug, Clone)]
pub struct TotalsRule {
    pub dataset: BySide<String>,
    pub filter: Option<Fragment>,
    pub side_filter: BySide<Option<Fragment>>,
    /// Target column -> source column.
    pub map: BTreeMap<String, String>,
    /// Name -> expression, in the order of the file.
    pub group_by: Vec<(String, Fragment)>,
    /// Name -> aggregate, in the order of the file.
    pub totals: Vec<(String, Fragment)>,
    pub tolerance: BTreeMap<String, Tolerance>,
    pub settle: Option<Settle>,
}

/// A file of `queries/`: every row it returns is a divergence.
#[derive(Debug, Clone)]
pub struct SqlRule {
    /// The whole file, so that positions in errors are positions in the file.
    pub query: Fragment,
    /// Columns of the result that identify a divergence; empty: all of them, and an ordinal.
    pub key: Vec<String>,
}

/// SQL that an analyst wrote, and where it begins.
#[derive(Debug, Clone)]
pub struct Fragment {
    pub sql: String,
    /// None for what came from the command line.
    pub location: Option<Location>,
}

impl Fragment {
    /// The SQL so that it can stand inside a statement: a comment at its end ends there.
    pub fn inline(&self) -> String {
        let sql = self.sql.trim();
        if sql.contains("--") { format!("{sql}\n") } else { sql.to_string() }
    }
}
