//! A plan for those who carry it out by their own means: statements, or the table of its actions.

use bytes::Bytes;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;

use crate::dataset::{Change, spoken};
use crate::error::{Error, ErrorKind, Result};
use crate::repair::action::{Actions, to_parquet};
use crate::repair::manifest::{Manifest, short};
use crate::repair::plan::image_rows;

/// How a plan is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Sql,
    Parquet,
    Csv,
}

pub fn export(plan: &str, manifest: &Manifest, actions: &Actions, form: Form) -> Result<Bytes> {
    match form {
        Form::Parquet => to_parquet(&actions.table()?),
        Form::Csv => csv(&actions.table()?),
        Form::Sql => {
            let open: Vec<usize> = (0..actions.len()).filter(|n| actions.actions[*n].refused.is_none()).collect();
            let mut text = format!(
                "-- The plan {} of the rule {}: each statement changes one row, or none where the row is no longer what it was.\n{}BEGIN;\n",
                short(plan),
                manifest.rule.replace('\n', " "),
                spoken(&manifest.connector).map_or("", |system| system.settings()),
            );
            for statement in statements(manifest, &actions.take(&open)?)? {
                text.push_str(&statement);
                text.push('\n');
            }
            text.push_str("COMMIT;\n");
            Ok(text.into())
        }
    }
}

/// A statement for each action, in their order.
pub fn statements(manifest: &Manifest, actions: &Actions) -> Result<Vec<String>> {
    let system = spoken(&manifest.connector).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("a plan of {} files has no statements", manifest.connector))
            .hint("export it with --format parquet or --format csv")
    })?;
    let (before, after) = (image_rows(&actions.before)?, image_rows(&actions.after)?);
    let name = |n: usize| system.name(&manifest.columns[n].name);
    let literal = |n: usize, cell: &Option<String>| system.literal(cell.as_deref(), &manifest.columns[n].native);
    let table = &manifest.named;
    let all = 0..manifest.columns.len();
    let told = actions.actions.iter().enumerate().map(|(row, action)| {
        let unchanged = || {
            let same = |n: usize| system.unchanged(&name(n), before[row][n].as_deref(), &manifest.columns[n].native);
            let at =
                manifest.address.iter().filter_map(|address| manifest.columns.iter().position(|c| c.name == *address));
            let at = at
                .filter(|n| before[row][*n].is_some())
                .map(|n| format!("{} = {}", name(n), literal(n, &before[row][n])));
            let same = at.chain(all.clone().map(same)).collect::<Vec<_>>().join(" AND ");
            // Where the key is NULL, other rows may be the same.
            let null = |n: usize| manifest.address.contains(&manifest.columns[n].name) && before[row][n].is_none();
            match all.clone().any(null) {
                true => system.one_row(table, &same),
                false => same,
            }
        };
        match action.change {
            Change::Insert => {
                if action.set.is_empty() {
                    return format!("INSERT INTO {table} {};", system.nothing_given());
                }
                let names = action.set.iter().map(|n| name(*n)).collect::<Vec<_>>().join(", ");
                let values = action.set.iter().map(|n| literal(*n, &after[row][*n])).collect::<Vec<_>>().join(", ");
                format!(
                    "INSERT INTO {table} ({names}){} VALUES ({values});",
                    system.overriding(&manifest.fixed, &names)
                )
            }
            Change::Update => {
                let given = action.set.iter().map(|n| format!("{} = {}", name(*n), literal(*n, &after[row][*n])));
                let kept = all.clone().filter(|n| manifest.touched.contains(&manifest.columns[*n].name));
                let kept = kept.filter(|n| !action.set.contains(n)).map(|n| format!("{0} = {0}", name(n)));
                let given = given.chain(kept).collect::<Vec<_>>().join(", ");
                format!("UPDATE {table} SET {given} WHERE {};", unchanged())
            }
            Change::Delete => format!("DELETE FROM {table} WHERE {};", unchanged()),
        }
    });
    Ok(told.collect())
}

/// Every column as text; images as JSON.
fn csv(table: &RecordBatch) -> Result<Bytes> {
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let schema = table.schema();
    let mut text = schema.fields().iter().map(|field| quoted(field.name())).collect::<Vec<_>>().join(",") + "\n";
    let options = FormatOptions::default();
    let mut columns = Vec::new();
    for column in table.columns() {
        let cells: Vec<Option<String>> = match column.data_type() {
            DataType::Struct(_) => (0..column.len()).map(|row| json(column, row)).collect::<Result<_>>()?,
            DataType::List(_) => (0..column.len())
                .map(|row| {
                    let list = cast(&column.as_list::<i32>().value(row), &DataType::Utf8)?;
                    let names: Vec<&str> = list.as_string::<i32>().iter().flatten().collect();
                    Ok(Some(serde_json::json!(names).to_string()))
                })
                .collect::<Result<_>>()?,
            _ => {
                let cells = ArrayFormatter::try_new(column, &options)?;
                (0..column.len()).map(|row| column.is_valid(row).then(|| cells.value(row).to_string())).collect()
            }
        };
        columns.push(cells);
    }
    for row in 0..table.num_rows() {
        let cells = columns.iter().map(|cells| cells[row].as_deref().map(quoted).unwrap_or_default());
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    Ok(text.into())
}

fn json(images: &datafusion::arrow::array::ArrayRef, row: usize) -> Result<Option<String>> {
    let images = images.as_struct();
    if images.is_null(row) {
        return Ok(None);
    }
    let mut object = serde_json::Map::new();
    for (field, column) in images.fields().iter().zip(images.columns()) {
        let value = match column.is_null(row) {
            true => serde_json::Value::Null,
            false => array_value_to_string(column, row)?.into(),
        };
        object.insert(field.name().clone(), value);
    }
    Ok(Some(serde_json::Value::Object(object).to_string()))
}
