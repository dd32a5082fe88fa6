//! The datasets of a project as DataFusion's catalog: a dataset is opened when a statement first names it.
//!
//! Two tables stand for one dataset. Its own name gives typed columns: what `columns:` declares is read strictly, and an
//! unreadable cell is an error. `name#text` gives the cells as they are; match rules read it, for to them an unreadable
//! cell is a divergence.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, TableSource};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, TableFactor, TableFunctionArgs, Visit, Visitor,
};
use futures::FutureExt;
use tokio::sync::OnceCell;

use crate::dataset::{self, Databases, Input, Opened};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::project::model::{Connector, Dataset, Project};
use crate::rule::position::locate;
use crate::rule::resolve::text_of;
use crate::rule::sql::{ident, literal};
use crate::sql::digest_id;

/// The ending of the table that gives a dataset's cells as they are.
pub const TEXT_SUFFIX: &str = "#text";

/// The session's state as it is now; None once the session is gone.
type State = Box<dyn Fn() -> Option<SessionState> + Send + Sync>;

pub struct Catalog {
    /// By name.
    datasets: BTreeMap<String, Dataset>,
    /// Of those that were named: each is opened once, beside others.
    opened: Mutex<HashMap<String, Arc<OnceCell<Arc<Opened>>>>>,
    databases: Arc<Databases>,
    progress: Arc<Progress>,
    state: State,
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("datasets", &self.datasets.keys()).finish_non_exhaustive()
    }
}

/// `a.b` is table b of schema a; a name without a dot stands in schema `public`; further dots belong to the table.
fn place(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("public", name))
}

/// The dataset's name in SQL, quoted.
pub fn table_name(dataset: &str) -> String {
    match dataset.split_once('.') {
        Some((schema, table)) => format!("{}.{}", ident(schema), ident(table)),
        None => ident(dataset),
    }
}

impl Catalog {
    /// Registers the schemas of all datasets with the session; opens nothing.
    pub fn register(
        ctx: &SessionContext,
        project: &Project,
        progress: Arc<Progress>,
        databases: Arc<Databases>,
    ) -> Result<Arc<Self>> {
        let datasets: BTreeMap<String, Dataset> =
            project.datasets.iter().map(|d| (d.name.clone(), d.clone())).collect();
        let shared = ctx.state_weak_ref();
        let state: State = Box::new(move || shared.upgrade().map(|state| state.read().clone()));
        let catalog = Arc::new(Self { datasets, opened: Default::default(), databases, progress, state });
        let schemas: BTreeSet<&str> = catalog.datasets.keys().map(|name| place(name).0).chain(["public"]).collect();
        let provider = MemoryCatalogProvider::new();
        for schema in schemas {
            let tables =
                DatasetSchema { schema: schema.to_string(), catalog: catalog.clone(), more: Default::default() };
            provider.register_schema(schema, Arc::new(tables))?;
        }
        ctx.register_catalog("datafusion", Arc::new(provider));
        Ok(catalog)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.datasets.keys().map(String::as_str)
    }

    fn session(&self) -> Result<SessionContext> {
        let state = (self.state)().ok_or_else(|| Error::new(ErrorKind::Internal, "the session is gone"))?;
        Ok(SessionContext::new_with_state(state))
    }

    /// Opens a dataset once; views have nothing to open.
    pub async fn open(&self, name: &str) -> Result<Option<Arc<Opened>>> {
        let Some(dataset) = self.datasets.get(name) else {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no dataset `{name}`")));
        };
        if matches!(dataset.connector, Connector::Sql(_)) {
            return Ok(None);
        }
        let cell =
            self.opened.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_string()).or_default().clone();
        let open = || async {
            let result = dataset::open(&self.session()?, dataset, &self.databases, &self.progress).await;
            Ok(Arc::new(result.map_err(|error| match &dataset.location {
                Some(location) => error.context("dataset", name).at(location.clone()),
                None => error.context("dataset", name),
            })?))
        };
        cell.get_or_try_init(open).await.cloned().map(Some)
    }

    /// The pinned inputs of a dataset; of a view, those of all that it reads.
    pub async fn inputs(&self, name: &str) -> Result<Vec<Input>> {
        let mut inputs = Vec::new();
        for opened in self.opened_below(name).await? {
            inputs.extend(opened.inputs.iter().cloned());
        }
        Ok(inputs)
    }

    /// By what the rows of a dataset can be told, with how it is read; of a view, of all that it reads. None: that cannot be
    /// told. Two runs in which it is the same text read the same rows.
    pub async fn identity(&self, name: &str) -> Result<Option<String>> {
        let mut parts = Vec::new();
        for opened in self.opened_below(name).await? {
            match opened.identity().await.map_err(|error| error.context("dataset", opened.name.clone()))? {
                Some(identity) => parts.push(format!("{} {identity}", opened.name)),
                None => return Ok(None),
            }
        }
        parts.extend(self.below(name)?.iter().map(|dataset| format!("{:?}", dataset.connector)));
        Ok(Some(digest_id(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())))
    }

    /// An error if an input of the dataset changed since it was opened.
    pub async fn verify_unchanged(&self, name: &str) -> Result<()> {
        for opened in self.opened_below(name).await? {
            opened.verify_unchanged().await.map_err(|error| error.context("dataset", opened.name.clone()))?;
        }
        Ok(())
    }

    /// Whether the system behind a dataset answers, as far as is known. Files are always there.
    pub fn is_alive(&self, name: &str) -> bool {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = opened.get(name).and_then(|cell| cell.get());
        cell.is_none_or(|opened| opened.is_alive())
    }

    /// Forgets datasets of databases whose connections are lost: who asks for them next opens them anew.
    pub fn open_anew(&self, names: &[String]) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        for dataset in names.iter().filter_map(|name| self.datasets.get(name)) {
            if let Connector::Database(database) = &dataset.connector {
                self.databases.forget(database);
                // Others of the same database have lost theirs as well.
                let same = |name: &String| match self.datasets.get(name).map(|dataset| &dataset.connector) {
                    Some(Connector::Database(other)) => other.location == database.location,
                    _ => false,
                };
                opened.retain(|name, _| !same(name));
            }
        }
    }

    /// Leaves all databases: who asks for one next opens it anew, in a later snapshot. Files stay pinned.
    pub async fn begin_anew(&self) {
        let of_files = |name: &String| {
            let dataset = self.datasets.get(name);
            dataset.is_none_or(|dataset| !matches!(dataset.connector, Connector::Database(_)))
        };
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| of_files(name));
        self.databases.close().await;
    }

    /// Whether the dataset, or what a view reads, is in a database.
    pub async fn reads_database(&self, name: &str) -> Result<bool> {
        Ok(self.opened_below(name).await?.iter().any(|opened| opened.database().is_some()))
    }

    /// Databases that keep failing are not asked again.
    pub fn give_up(&self, names: &[String], message: &str) {
        for dataset in names.iter().filter_map(|name| self.datasets.get(name)) {
            let cell = self.opened.lock().unwrap_or_else(PoisonError::into_inner).get(&dataset.name).cloned();
            let alive = cell.is_some_and(|cell| cell.get().is_some_and(|opened| opened.is_alive()));
            if let (Connector::Database(database), false) = (&dataset.connector, alive) {
                self.databases.give_up(database, message);
            }
        }
    }

    /// A dataset, and all that a view reads.
    fn below(&self, name: &str) -> Result<Vec<&Dataset>> {
        let (mut waiting, mut found) = (vec![name.to_string()], BTreeMap::new());
        while let Some(name) = waiting.pop() {
            let Some(dataset) = self.datasets.get(&name) else { continue };
            if found.insert(name, dataset).is_some() {
                continue;
            }
            if let Connector::Sql(fragment) = &dataset.connector {
                waiting.extend(self.references(&fragment.sql)?);
            }
        }
        Ok(found.into_values().collect())
    }

    async fn opened_below(&self, name: &str) -> Result<Vec<Arc<Opened>>> {
        let mut found = Vec::new();
        for dataset in self.below(name)? {
            found.extend(self.open(&dataset.name).await?);
        }
        Ok(found)
    }

    /// The datasets that a statement names.
    pub fn references(&self, sql: &str) -> Result<Vec<String>> {
        let statement = DFParser::parse_sql(sql)?.pop_front();
        let Some(Statement::Statement(statement)) = statement else { return Ok(Vec::new()) };
        let mut compared = Compared::default();
        let _ = statement.visit(&mut compared);
        let (tables, _) = datafusion::sql::resolve::resolve_table_references(&Statement::Statement(statement), true)?;
        let name = |table: TableReference| match table.schema() {
            None | Some("public") => table.table().to_string(),
            Some(schema) => format!("{schema}.{}", table.table()),
        };
        let dataset = |name: String| match name.strip_suffix(TEXT_SUFFIX) {
            Some(dataset) if self.datasets.contains_key(dataset) => dataset.to_string(),
            _ => name,
        };
        let named = tables.into_iter().map(name).chain(compared.0).map(dataset);
        let named: BTreeSet<String> = named.filter(|name| self.datasets.contains_key(name)).collect();
        Ok(named.into_iter().collect())
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(raw) = name.strip_suffix(TEXT_SUFFIX).filter(|raw| self.datasets.contains_key(*raw)) {
            return Ok(self.open(raw).await?.map(|opened| opened.table.clone()));
        }
        let Some(dataset) = self.datasets.get(name) else { return Ok(None) };
        if let Connector::Sql(fragment) = &dataset.connector {
            // Boxed: the plan of a view asks for tables, which may be views again.
            let (state, sql) = (self.session()?.state(), fragment.sql.clone());
            let plan = async move { state.create_logical_plan(&sql).await }.boxed().await;
            let plan = plan.map_err(|error| locate(error, fragment, &fragment.sql).context("dataset", name))?;
            return Ok(Some(Arc::new(ViewTable::new(plan, Some(fragment.sql.clone())))));
        }
        let opened = self.open(name).await?;
        opened.map(|opened| self.typed(name, &opened)).transpose()
    }

    /// Declared columns are read as their type; an unreadable cell is an error.
    fn typed(&self, name: &str, opened: &Opened) -> Result<Arc<dyn TableProvider>> {
        let schema = opened.table.schema();
        let declared = |field: &datafusion::arrow::datatypes::Field| text_of(field).flatten();
        if schema.fields().iter().all(|field| declared(field).is_none_or(|t| t == DataType::Utf8)) {
            return Ok(opened.table.clone());
        }
        let source: Arc<dyn TableSource> = provider_as_source(opened.table.clone());
        let session = self.session()?;
        let scan = LogicalPlanBuilder::scan(TableReference::bare(name), source, None)?.build()?;
        let columns = schema
            .fields()
            .iter()
            .map(|field| {
                let column = ident(field.name());
                let sql = match declared(field).filter(|t| *t != DataType::Utf8) {
                    Some(data_type) => format!(
                        "read_strict({column}, {}, {})",
                        literal(&crate::sql::type_text(&data_type)),
                        literal(&format!("{name}.{}", field.name()))
                    ),
                    None => column.clone(),
                };
                Ok(session.parse_sql_expr(&sql, scan.schema())?.alias(field.name()))
            })
            .collect::<Result<Vec<_>>>()?;
        let plan = LogicalPlanBuilder::from(scan).project(columns)?.build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// The datasets that `reconcile('source', 'target', ...)` names in a statement, and what else is written as a text there.
#[derive(Default)]
struct Compared(Vec<String>);

impl Visitor for Compared {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(TableFunctionArgs { args, .. }), .. } = factor
            && name.to_string() == "reconcile"
        {
            for arg in args {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg else { continue };
                let joined =
                    |idents: &[Ident]| idents.iter().map(|ident| ident.value.as_str()).collect::<Vec<_>>().join(".");
                let name = match arg {
                    SqlExpr::Value(value) => value.value.clone().into_string().unwrap_or_default(),
                    SqlExpr::Identifier(ident) => joined(std::slice::from_ref(ident)),
                    SqlExpr::CompoundIdentifier(idents) => joined(idents),
                    _ => continue,
                };
                // An identifier without quotes is read in lower case.
                self.0.extend([name.to_lowercase(), name]);
            }
        }
        ControlFlow::Continue(())
    }
}

/// One schema of the catalog: datasets, and tables that were registered besides (past results).
#[derive(Debug)]
struct DatasetSchema {
    schema: String,
    catalog: Arc<Catalog>,
    more: std::sync::RwLock<BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl DatasetSchema {
    fn dataset(&self, table: &str) -> String {
        match self.schema.as_str() {
            "public" => table.to_string(),
            schema => format!("{schema}.{table}"),
        }
    }

    fn registered(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.more.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(name).cloned()
    }
}

#[async_trait]
impl SchemaProvider for DatasetSchema {
    fn table_names(&self) -> Vec<String> {
        let datasets = self.catalog.datasets.keys().filter(|name| place(name).0 == self.schema);
        let mut names: Vec<String> = datasets.map(|name| place(name).1.to_string()).collect();
        names.extend(self.more.read().unwrap_or_else(std::sync::PoisonError::into_inner).keys().cloned());
        names
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.registered(name) {
            Some(table) => Ok(Some(table)),
            None => Ok(self.catalog.table(&self.dataset(name)).await?),
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        Ok(self.more.write().unwrap_or_else(std::sync::PoisonError::into_inner).insert(name, table))
    }

    fn deregister_table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        Ok(self.more.write().unwrap_or_else(std::sync::PoisonError::into_inner).remove(name))
    }

    fn table_exist(&self, name: &str) -> bool {
        let raw = name.strip_suffix(TEXT_SUFFIX).unwrap_or(name);
        self.registered(name).is_some() || self.catalog.datasets.contains_key(&self.dataset(raw))
    }
}
