//! What is at stake in each action: by how much it changes the column that the rule names.

use datafusion::arrow::array::{Array, AsArray, Decimal128Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::arrow::record_batch::RecordBatch;

use crate::dataset::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::repair::action::SCALE;
use crate::repair::plan::assign::Want;
use crate::repair::plan::column;
use crate::run::Look;
use crate::side::Side;

/// In units of 10^-9, without a sign; None where it is not known.
pub fn of(value: Option<&str>, look: &Look, wanted: &RecordBatch, wants: &[Want]) -> Result<Vec<Option<i128>>> {
    let Some(name) = value else { return Ok(vec![None; wants.len()]) };
    if !look.plan.values.iter().any(|column| column.name == name) {
        let message = format!("`repair: {{value: {name}}}` names no column that the rule compares");
        return Err(Error::new(ErrorKind::Config, message).hint("name a column of numbers that stands on both sides"));
    }
    let units = |side: Side| -> Result<Decimal128Array> {
        let cells = column(wanted, &format!("{side}_{name}"))?;
        // A number that has no place there is not known.
        let decimals = cast(cells, &DataType::Decimal128(38, SCALE)).map_err(|error| {
            Error::new(ErrorKind::Config, format!("`repair: {{value: {name}}}` names a column that holds no numbers"))
                .source(error)
        })?;
        Ok(decimals.as_primitive::<Decimal128Type>().clone())
    };
    let (source, target) = (units(Side::Source)?, units(Side::Target)?);
    let cell = |cells: &Decimal128Array, row: usize| cells.is_valid(row).then(|| cells.value(row));
    let stake = |(row, want): (usize, &Want)| match want.change {
        Change::Update if !want.columns.iter().any(|column| column == name) => Some(0),
        Change::Update => cell(&source, row)?.checked_sub(cell(&target, row)?).map(i128::abs),
        _ => cell(&source, row).or(cell(&target, row)).map(i128::abs),
    };
    Ok(wants.iter().enumerate().map(stake).collect())
}
