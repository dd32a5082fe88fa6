//! A relation of a database as DataFusion's plans scan it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session as PlanSession, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use tokio::sync::OnceCell;

use super::column::{Column, Kind};
use super::exec::DatabaseExec;
use super::session::{Described, Scan, Session, TextRows};
use super::{Databases, relation};
use crate::dataset::{Input, redact};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::project::model::{Database, DatabaseRelation, System};
use crate::sql::Hash;

/// A table or a query, described, in the snapshot of its session.
#[derive(Debug, Clone)]
pub struct DatabaseTable {
    pub(super) session: Arc<dyn Session>,
    pub(super) relation: DatabaseRelation,
    pub(super) described: Arc<Described>,
    pub(super) schema: SchemaRef,
    /// Where it is, without secrets.
    url: String,
    /// Only rows for which this holds.
    condition: Option<String>,
    identity: Arc<OnceCell<Option<String>>>,
    progress: Arc<Progress>,
}

impl DatabaseTable {
    pub(in crate::dataset) async fn open(
        databases: &Databases,
        from: &Database,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        let session = databases.session(from).await?;
        let described = session.describe(&from.relation, &from.text).await?;
        let columns = &described.columns;
        for (n, column) in columns.iter().enumerate() {
            if columns[..n].iter().any(|before| before.name == column.name) {
                let message = format!("the query has two columns that are called {:?}", column.name);
                return Err(Error::new(ErrorKind::Schema, message).hint("give each of them a name of its own: AS ..."));
            }
        }
        let schema = Arc::new(Schema::new(columns.iter().map(|column| column.field.clone()).collect::<Vec<_>>()));
        let shown = match from.system {
            System::Sqlite => format!("sqlite://{}", from.location.expose()),
            System::Postgres | System::Mysql => redact::location(from.location.expose()),
        };
        let url = format!("{}?table={}", shown.split('?').next().unwrap_or(&shown), relation::shown(&from.relation));
        Ok(Self {
            session,
            relation: from.relation.clone(),
            described: Arc::new(described),
            schema,
            url,
            condition: None,
            identity: Arc::default(),
            progress: Arc::clone(progress),
        })
    }

    /// What a run's record says of it.
    pub(in crate::dataset) fn input(&self) -> Input {
        let moment = self.session.moment();
        Input { url: self.url.clone(), size: 0, last_modified: moment.at, e_tag: None, version: Some(moment.version) }
    }

    /// By what the rows of the whole relation can be told, with its columns: where two runs come to the same, the rows are the same.
    /// None: that cannot be shown. Asked once.
    pub async fn identity(&self) -> Result<Option<String>> {
        let ask = || async {
            let identity = self.session.identity(&self.relation).await?;
            Ok(identity.map(|identity| format!("{} {:?} {identity}", self.url, self.schema)))
        };
        self.identity.get_or_try_init(ask).await.cloned()
    }

    pub fn system(&self) -> System {
        self.session.system()
    }

    /// The digests that the database can compute, the cheapest first; none where its texts are not UTF-8.
    pub fn hashes(&self) -> &[Hash] {
        &self.described.hashes
    }

    /// Why what is read may not be of one moment.
    pub fn doubt(&self) -> Option<&str> {
        self.described.doubt.as_deref()
    }

    /// How long the database takes to answer a small question.
    pub fn latency(&self) -> Duration {
        self.described.latency
    }

    /// Whether conditions on the column need not look at all rows.
    pub fn has_index_on(&self, column: &str) -> bool {
        self.described.primary_key.first().is_some_and(|first| first == column)
    }

    /// Whether the session still has its snapshot.
    pub(in crate::dataset) fn is_alive(&self) -> bool {
        self.session.is_alive()
    }

    /// Whether both are read in one snapshot of one database.
    pub fn shares_session(&self, other: &DatabaseTable) -> bool {
        Arc::ptr_eq(&self.session, &other.session)
    }

    pub(super) fn primary_key(&self) -> &[String] {
        &self.described.primary_key
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.described.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn never_null(&self, name: &str) -> bool {
        self.described.never_null.iter().any(|column| column == name)
    }

    /// What stands behind FROM.
    pub(super) fn from(&self) -> &str {
        &self.described.from
    }

    /// The rows of a statement with a small result, as text.
    pub(super) async fn ask(&self, sql: &str) -> Result<TextRows> {
        let rows = self.session.rows(sql).await?;
        let bytes: usize = rows.iter().flatten().flatten().map(String::len).sum();
        self.progress.add_bytes(bytes as u64);
        Ok(rows)
    }

    /// Only the rows for which this holds.
    pub(super) fn restricted(&self, condition: String) -> Self {
        Self { condition: Some(condition), ..self.clone() }
    }

    /// The rows whose column of whole numbers is one of these (None: NULL); no table where the database may understand the
    /// column otherwise than we do. Not for SQLite, which is read in this process.
    pub fn of_numbers(&self, column: &str, numbers: &[Option<i64>]) -> Option<Self> {
        let kind = &self.column(column)?.kind;
        let whole = [Kind::Int8, Kind::Int16, Kind::Int32, Kind::Int64, Kind::UInt8, Kind::UInt16, Kind::UInt32];
        if self.system() == System::Sqlite || !whole.contains(kind) {
            return None;
        }
        let x = relation::quoted(self.system(), column);
        let list: Vec<String> = numbers.iter().flatten().map(i64::to_string).collect();
        let mut conditions = Vec::new();
        if !list.is_empty() {
            conditions.push(format!("{x} IN ({})", list.join(", ")));
        }
        if numbers.contains(&None) {
            conditions.push(format!("{x} IS NULL"));
        }
        (!conditions.is_empty()).then(|| self.restricted(conditions.join(" OR ")))
    }

    /// About how many rows it has, as the database's own statistics say.
    pub fn estimated_rows(&self) -> Option<u64> {
        self.described.estimated_rows
    }
}

#[async_trait]
impl TableProvider for DatabaseTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn PlanSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let options = &state.config_options().execution;
        let wanted = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let columns: Vec<_> = wanted.iter().map(|&n| self.described.columns[n].clone()).collect();
        let schema = Arc::new(self.schema.project(&wanted)?);
        let most = options.target_partitions.min(self.session.connections()).max(1);
        // Readers wait for the network most of the time; but no more of them than there are connections.
        // What is restricted is little.
        let pieces: Vec<Option<&str>> =
            match self.condition.is_none() && most > 1 && limit.is_none() && !self.described.pieces.is_empty() {
                true => self.described.pieces.iter().map(|piece| Some(piece.as_str())).collect(),
                false => vec![None],
            };
        let selected: Vec<&str> = columns.iter().map(|column| column.select.as_str()).collect();
        let scans = pieces.into_iter().map(|piece| {
            let conditions: Vec<&str> = self.condition.iter().map(String::as_str).chain(piece).collect();
            Scan {
                sql: relation::select(&selected, &self.described.from, &conditions, limit),
                columns: columns.clone(),
                schema: schema.clone(),
                batch_rows: options.batch_size.get(),
                progress: Arc::clone(&self.progress),
            }
        });
        Ok(Arc::new(DatabaseExec::new(
            Arc::clone(&self.session),
            scans.collect(),
            schema,
            relation::shown(&self.relation),
        )))
    }
}
