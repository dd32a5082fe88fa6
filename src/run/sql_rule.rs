//! A `sql` rule, executed: every row that the analyst's query returns is a divergence.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use minijinja::context;
use tokio::sync::mpsc;

use crate::divergence::{DivergenceSchema, Found, assemble_query, write_sorted};
use crate::engine::{scanned_rows, spilled_bytes, unverified};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::SqlRule;
use crate::project::nearest;
use crate::rule::common::is_nested;
use crate::rule::position::locate;
use crate::rule::sql::{ident, render};
use crate::run::execute::{Execution, decide, note_on_budget};
use crate::run::match_rule::{note_on_coverage, outcome_of_part};
use crate::run::planned::{Planned, QUERY};
use crate::run::report::{Acknowledged, RuleReport, Work};
use crate::verdict::{Guarantee, RowCounts, SchemaDifferences};

impl Execution<'_> {
    pub async fn sql_rule(&self, planned: &Planned<'_>, sql: &SqlRule) -> Result<RuleReport> {
        let rule = planned.rule;
        let frame = self.engine.sql(&sql.query.sql).await.map_err(|error| locate(error, &sql.query, &sql.query.sql))?;
        let fields = frame.schema().as_arrow().fields().clone();
        let schema = DivergenceSchema::of_query(&fields, &sql.key);
        let numbered = self.numbered(frame, &fields, sql).await?;
        let context = Arc::new(numbered.task_ctx());
        let query = numbered.create_physical_plan().await?;
        let key: Vec<usize> = match sql.key.is_empty() {
            true => (0..fields.len()).collect(),
            false => sql.key.iter().filter_map(|key| fields.iter().position(|f| f.name() == key)).collect(),
        };
        let output = self.output.map(|output| output.rule(&rule.name));
        let (send, batches) = mpsc::channel(2);
        let schema_of_batches = schema.clone();
        let produce = async {
            let budget = &self.engine.budget;
            let (mut violations, mut stopped) = (0, budget.reached());
            // A query that begins behind the limit is not run.
            let mut stream = match stopped {
                Some(_) => None,
                None => Some(execute_stream(query.clone(), context)?),
            };
            while let (None, Some(stream)) = (stopped, &mut stream)
                && let Some(batch) = stream.try_next().await?
            {
                let left = budget.divergences_left().and_then(|left| usize::try_from(left).ok());
                let batch = batch.slice(0, left.unwrap_or(usize::MAX).min(batch.num_rows()));
                budget.add_divergences(batch.num_rows() as u64);
                stopped = budget.reached();
                violations += batch.num_rows() as u64;
                let assembled = self.violations(&rule.name, &schema_of_batches, &batch, fields.len(), &key)?;
                if send.send(Ok(assembled)).await.is_err() {
                    return Err(Error::new(ErrorKind::Output, "the writer of the divergence table stopped"));
                }
            }
            drop(send);
            Ok::<_, Error>((violations, stopped))
        };
        // Sorted by key where every key column has an order, else by id.
        let order: Vec<String> = schema
            .keys
            .iter()
            .filter(|key| schema.schema.field_with_name(key).is_ok_and(|field| !is_nested(field.data_type())))
            .cloned()
            .collect();
        let table = schema.schema.clone();
        let found =
            Found { table: table.clone(), sortable: table, order, first: None, batches, in_order: Arc::default() };
        let write = write_sorted(&self.engine.ctx, found, output.as_ref(), self.limit);
        let ((rule_violation, stopped), written) = tokio::try_join!(produce, write)?;
        let rows = RowCounts { rule_violation, ..RowCounts::default() };
        let nothing = SchemaDifferences::default();
        let (mut outcome, allow) = decide(rule, &rows, &nothing, Acknowledged::default());
        let mut notes = schema.notes.clone();
        let coverage = stopped.map(unverified);
        match &coverage {
            Some(coverage) => {
                outcome = outcome_of_part(&rows, coverage, false, &rule.allow);
                notes.push(note_on_coverage(coverage));
            }
            None => notes.extend(note_on_budget(outcome, allow.as_ref())),
        }
        Ok(RuleReport {
            rule: rule.name.clone(),
            kind: planned.kind(),
            outcome,
            guarantee: Guarantee::Exact,
            strategy: "query",
            why: QUERY.into(),
            work: Work {
                rows_read: scanned_rows(query.as_ref()),
                spilled_bytes: spilled_bytes(query.as_ref()) + written.sort.as_deref().map_or(0, spilled_bytes),
                ..Work::default()
            },
            severity: rule.severity,
            owner: rule.owner.clone(),
            rows,
            settled: None,
            acknowledged: Acknowledged::default(),
            columns: Vec::new(),
            schema: nothing,
            notes,
            coverage,
            divergences: output.map(|output| output.display().to_string()),
            allow,
            elapsed_ms: 0,
            key: schema.keys,
            datasets: None,
            sample: written.sample,
        })
    }

    /// The query's rows with `#ordinal` for those that their key does not identify.
    async fn numbered(&self, frame: DataFrame, fields: &Fields, sql: &SqlRule) -> Result<DataFrame> {
        let part = |name: &String, data_type: &DataType| match is_nested(data_type) {
            true => format!("canonical_value({})", ident(name)),
            false => ident(name),
        };
        let all: Vec<String> = fields.iter().map(|field| part(field.name(), field.data_type())).collect();
        let keys: Vec<String> = (fields.iter())
            .filter(|field| sql.key.contains(field.name()))
            .map(|field| part(field.name(), field.data_type()))
            .collect();
        let ctx = self.engine.ctx.clone();
        ctx.register_table("violations", frame.into_view())?;
        let numbered = ctx.sql(&render("violations", context! { keyed => !keys.is_empty(), keys, all })?).await;
        ctx.deregister_table("violations")?;
        Ok(numbered?)
    }

    fn violations(
        &self,
        rule: &str,
        schema: &DivergenceSchema,
        batch: &RecordBatch,
        columns: usize,
        key: &[usize],
    ) -> Result<RecordBatch> {
        let own: Vec<usize> = (0..columns).collect();
        let ordinals = cast(batch.column(columns), &DataType::Int64)?;
        assemble_query(self.run_id, rule, schema, &batch.project(&own)?, key, ordinals.as_primitive())
    }
}

/// The columns that a query returns have names of their own, and its key is among them.
pub fn check_columns(fields: &Fields, sql: &SqlRule) -> Result<()> {
    let at = |error: Error| match &sql.query.location {
        Some(location) => error.at(location.clone()),
        None => error,
    };
    for (i, field) in fields.iter().enumerate() {
        if fields[..i].iter().any(|other| other.name() == field.name()) {
            let message = format!("the query returns two columns named `{}`", field.name());
            return Err(at(Error::new(ErrorKind::Sql, message).hint("give one of them another name with AS")));
        }
    }
    for key in &sql.key {
        if fields.iter().any(|field| field.name() == key) {
            continue;
        }
        let error = Error::new(ErrorKind::NotFound, format!("the query returns no key column `{key}`"));
        return Err(at(match nearest(key, fields.iter().map(|field| field.name().as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("name columns of the result in the header `-- key:`"),
        }));
    }
    Ok(())
}
