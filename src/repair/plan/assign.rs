//! Which side is right: so the other one is written, row by row, or column by column.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cmp::{eq, gt};
use datafusion::arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;

use crate::dataset::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{Authority, Fragment};
use crate::repair::plan::{column, texts};
use crate::rule::position::locate;
use crate::run::Look;
use crate::side::{BySide, Side};
use crate::verdict::Kind;

/// A row of the divergences that is to be written on one side.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// Its number among the divergences.
    pub row: usize,
    pub kind: Kind,
    pub change: Change,
    /// Of an update: the columns that differ, by source name.
    pub columns: Vec<String>,
}

/// What is to be written on each side; and the divergences of which it is not told which side is right, by reason.
#[derive(Debug, Default)]
pub struct Assigned {
    pub written: BySide<Vec<Want>>,
    pub undecided: BTreeMap<String, u64>,
}

type Right = std::result::Result<Side, String>;

pub async fn assign(look: &Look, authority: &Authority, found: &RecordBatch) -> Result<Assigned> {
    let (kinds, sides) = (texts(found, "kind")?, texts(found, "side")?);
    let rights = rights(look, authority, found).await?;
    let changed = column(found, "changed_columns")?.as_list::<i32>().clone();
    let mut assigned = Assigned::default();
    for (row, right) in rights.iter().enumerate() {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == kinds.value(row));
        let kind = kind.ok_or_else(|| Error::new(ErrorKind::Data, "a divergence of a kind that is not known"))?;
        if kind == Kind::ValueMismatch {
            let names = cast(&changed.value(row), &DataType::Utf8)?;
            let mut by_side: BySide<Vec<String>> = BySide::default();
            for name in names.as_string::<i32>().iter().flatten() {
                match of_column(authority, name, right) {
                    Ok(right) => by_side.get_mut(right.other()).push(name.to_string()),
                    Err(why) => *assigned.undecided.entry(why).or_default() += 1,
                }
            }
            for side in Side::BOTH {
                let columns = std::mem::take(by_side.get_mut(side));
                if !columns.is_empty() {
                    assigned.written.get_mut(side).push(Want { row, kind, change: Change::Update, columns });
                }
            }
            continue;
        }
        let stands = if sides.value(row) == Side::Source.as_str() { Side::Source } else { Side::Target };
        match right {
            Ok(right) => {
                let change = if stands == *right { Change::Insert } else { Change::Delete };
                assigned.written.get_mut(right.other()).push(Want { row, kind, change, columns: Vec::new() });
            }
            Err(why) => *assigned.undecided.entry(why.clone()).or_default() += 1,
        }
    }
    Ok(assigned)
}

fn of_column(authority: &Authority, name: &str, row: &Right) -> Right {
    match authority {
        Authority::Columns { columns, .. } => match columns.get(name) {
            Some(side) => Ok(*side),
            None => row.clone().map_err(|_| format!("`authority` says nothing of the column {name}")),
        },
        _ => row.clone(),
    }
}

/// By row, which side is right as a whole.
async fn rights(look: &Look, authority: &Authority, found: &RecordBatch) -> Result<Vec<Right>> {
    let rows = found.num_rows();
    Ok(match authority {
        Authority::Side(side) => vec![Ok(*side); rows],
        Authority::Columns { otherwise, columns } => {
            let known = |name: &String| look.plan.values.iter().any(|column| column.name == *name);
            if let Some(name) = columns.keys().find(|name| !known(name)) {
                return Err(no_column(look, name));
            }
            let why = || "`authority` has no `otherwise`, which is asked for whole rows".to_string();
            vec![otherwise.ok_or_else(why); rows]
        }
        Authority::Newer { column, missing } => newer(look, found, column, *missing)?,
        Authority::Sql(fragment) => by_sql(look, found, fragment).await?,
    })
}

fn no_column(look: &Look, name: &str) -> Error {
    let message = format!("`authority` names {name:?}, which is no column that the rule compares");
    let names: Vec<&str> = look.plan.values.iter().map(|column| column.name.as_str()).collect();
    Error::new(ErrorKind::Config, message).hint(format!("the columns are {}", names.join(", ")))
}

fn newer(look: &Look, found: &RecordBatch, name: &str, missing: Option<Side>) -> Result<Vec<Right>> {
    let Some(plan) = look.plan.values.iter().find(|column| column.name == name) else {
        return Err(no_column(look, name));
    };
    let own = |side: Side| -> Result<ArrayRef> {
        Ok(cast(column(found, &format!("{side}_{name}"))?, &plan.common.data_type)?)
    };
    let (source, target) = (own(Side::Source)?, own(Side::Target)?);
    let (more, same) = (gt(&source, &target)?, eq(&source, &target)?);
    let kinds = texts(found, "kind")?;
    let right = |row: usize| -> Right {
        if kinds.value(row) != Kind::ValueMismatch.as_str() {
            return missing.ok_or_else(|| {
                format!("by `{name}` alone it is not told whether a row was added on one side or deleted on the other")
            });
        }
        match (more.is_valid(row), more.value(row), same.value(row)) {
            (false, ..) => Err(format!("`{name}` is NULL or unreadable on a side")),
            (true, _, true) => Err(format!("`{name}` is the same on both sides")),
            (true, true, _) => Ok(Side::Source),
            (true, false, _) => Ok(Side::Target),
        }
    };
    Ok((0..found.num_rows()).map(right).collect())
}

async fn by_sql(look: &Look, found: &RecordBatch, fragment: &Fragment) -> Result<Vec<Right>> {
    const TABLE: &str = "divergences_to_decide";
    const ROW: &str = "#row";
    let ctx = &look.engine().ctx;
    let mut fields: Vec<Field> = found.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new(ROW, DataType::UInt32, false));
    let mut columns = found.columns().to_vec();
    columns.push(Arc::new(UInt32Array::from_iter_values(0..found.num_rows() as u32)));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    ctx.register_table(TABLE, Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))?;
    let sql = format!("SELECT \"{ROW}\", CAST(({}) AS VARCHAR) FROM {TABLE}", fragment.inline());
    let told = async { look.engine().sql(&sql).await?.collect().await }.await;
    let _ = ctx.deregister_table(TABLE);
    let told = told.map_err(|error| locate(error, fragment, &sql))?;
    let mut rights: Vec<Right> = vec![Err("`authority` gives NULL".into()); found.num_rows()];
    for batch in told {
        let rows = batch.column(0).as_primitive::<UInt32Type>();
        let words = cast(batch.column(1), &DataType::Utf8)?;
        for (row, word) in rows.values().iter().zip(words.as_string::<i32>()) {
            rights[*row as usize] = match word {
                Some("source") => Ok(Side::Source),
                Some("target") => Ok(Side::Target),
                None => continue,
                Some(other) => {
                    let message = format!("`authority` gives '{other}', which is no side");
                    return Err(Error::new(ErrorKind::Config, message)
                        .hint("it has to give 'source', 'target', or NULL where a person decides"));
                }
            };
        }
    }
    Ok(rights)
}
