//! `tieout check --online`: opens every dataset and plans every rule, reads no data.

use chrono::Utc;

use crate::error::Result;
use crate::project::model::{Connector, Project};
use crate::run::planned::Planned;
use crate::run::{RunOptions, engine, of_rule};

/// What was found behind a dataset.
#[derive(Debug, Clone)]
pub struct DatasetCheck {
    pub name: String,
    pub connector: &'static str,
    pub columns: usize,
    /// Exact, where metadata tells.
    pub rows: Option<u64>,
    pub files: usize,
    /// As stored.
    pub bytes: u64,
}

pub async fn check_online(project: &Project, options: &RunOptions) -> Result<Vec<DatasetCheck>> {
    let started = Utc::now();
    let engine = engine(project, options, None)?;
    let mut checks = Vec::new();
    for dataset in &project.datasets {
        let opened = engine.catalog.open(&dataset.name).await?;
        let table =
            engine.ctx.sql(&format!("SELECT * FROM {}", crate::engine::catalog::table_name(&dataset.name))).await?;
        let inputs = engine.catalog.inputs(&dataset.name).await?;
        checks.push(DatasetCheck {
            name: dataset.name.clone(),
            connector: match dataset.connector {
                Connector::Parquet(..) => "parquet",
                Connector::Csv(..) => "csv",
                Connector::Ndjson(..) => "ndjson",
                Connector::Arrow(..) => "arrow",
                Connector::Database(ref database) => database.system.as_str(),
                Connector::Sql(..) => "sql",
            },
            columns: table.schema().fields().len(),
            rows: opened.and_then(|opened| opened.rows),
            files: inputs.len(),
            bytes: inputs.iter().map(|input| input.size).sum(),
        });
    }
    for rule in &project.rules {
        Planned::of(&engine, rule, started).await.map_err(|error| of_rule(error, rule))?;
    }
    Ok(checks)
}
