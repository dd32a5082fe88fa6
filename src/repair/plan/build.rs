//! From what is to be written on one side to actions: the rows as they are stored there, and as they are to be.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array, new_null_array};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{cast, concat_batches, take, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};

use crate::dataset::{Change, Dependent, Opened, Writable, image_name};
use crate::divergence::stored_type;
use crate::engine::Diverged;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Decide;
use crate::repair::action::{Action, Actions};
use crate::repair::plan::assign::Want;
use crate::repair::plan::{column, stake};
use crate::rule::plan::{ColumnPlan, ReadFrom};
use crate::run::Look;
use crate::side::Side;
use crate::verdict::Kind;

/// What is to be written on a side.
pub struct Build<'a> {
    pub look: &'a Look,
    pub side: Side,
    pub opened: &'a Arc<Opened>,
    pub writable: &'a Writable,
    pub keys: Option<&'a Arc<Diverged>>,
    /// What diverges by now.
    pub found: &'a RecordBatch,
    pub wants: &'a [Want],
    /// The column, by source name, that tells what is at stake.
    pub value: Option<&'a str>,
}

/// A column that is compared, as the written side stores it.
struct Written<'a> {
    plan: &'a ColumnPlan,
    /// Its place in the table, or why nothing can be written into it.
    place: std::result::Result<usize, String>,
    /// Of the key.
    key: bool,
}

impl Build<'_> {
    pub async fn actions(&self) -> Result<Actions> {
        let rows = UInt32Array::from_iter_values(self.wants.iter().map(|want| want.row as u32));
        let wanted = take_record_batch(self.found, &rows)?;
        let columns: Vec<Written<'_>> = self.columns();
        let mut refused: Vec<Option<String>> = vec![None; self.wants.len()];
        let before = self.before(&wanted, &mut refused).await?;
        self.left_out(&wanted, &mut refused).await?;
        let mut sets: Vec<Vec<usize>> = vec![Vec::new(); self.wants.len()];
        let mut after: Vec<ArrayRef> = before.columns().to_vec();
        for written in &columns {
            self.write(written, &wanted, &mut after, &mut sets, &mut refused)?;
        }
        self.check(&sets, &mut refused);
        let after = RecordBatch::try_new_with_options(before.schema(), after, &counted(wanted.num_rows()))?;
        let after = blank(&after, self.wants.iter().map(|want| want.change != Change::Delete).collect())?;
        let stakes = stake::of(self.value, self.look, &wanted, self.wants)?;
        let ids = column(&wanted, "divergence_id")?.as_string::<i32>().clone();
        let actions = self.wants.iter().enumerate().map(|(n, want)| Action {
            divergence_id: ids.value(n).to_string(),
            kind: want.kind,
            change: want.change,
            set: std::mem::take(&mut sets[n]),
            step: 0,
            at_stake: stakes[n],
            decide: Decide::Never,
            reason: String::new(),
            refused: refused[n].take(),
        });
        let actions = actions.collect();
        let places = self.look.schema.keys.iter().map(|name| wanted.schema().index_of(name));
        let places: Vec<usize> = places.collect::<Result<_, _>>()?;
        Ok(Actions { actions, key: wanted.project(&places)?, before, after })
    }

    fn columns(&self) -> Vec<Written<'_>> {
        let plan = &self.look.plan;
        let all = plan.key.iter().map(|column| (column, true)).chain(plan.values.iter().map(|column| (column, false)));
        let written = |(column, key)| Written { plan: column, place: self.place(column, key), key };
        all.map(written).collect()
    }

    fn place(&self, column: &ColumnPlan, key: bool) -> std::result::Result<usize, String> {
        let (own, other) = (column.read.get(self.side), column.read.get(self.side.other()));
        let name = &column.name;
        let ReadFrom::Column(stored) = &own.from else {
            return Err(format!("{name} is compared by an expression on this side, which cannot be turned round"));
        };
        if own.zone.is_some() || other.zone.is_some() {
            return Err(format!("{name} is compared with a `timezone`: write it by hand"));
        }
        if key && column.normal.any() {
            return Err(format!("the key {name} is compared in another form than it is stored in"));
        }
        self.writable.column(stored).ok_or_else(|| format!("the table has no column {stored}"))
    }

    /// The images of the rows that are there, NULL where none is to be.
    async fn before(&self, wanted: &RecordBatch, refused: &mut [Option<String>]) -> Result<RecordBatch> {
        let names: Vec<&str> = self.writable.columns.iter().map(|column| column.name.as_str()).collect();
        let carried = names.iter().map(|name| (image_name(name), image_name(name))).collect();
        let rows = self.look.rows(self.side, self.keys, Some(self.writable), carried, true).await?;
        let schema = match rows.first() {
            Some(batch) => batch.schema(),
            None => return self.no_images(wanted.num_rows(), refused),
        };
        let rows = concat_batches(&schema, &rows)?;
        // A divergence has the very cells of the row, in the types of its table.
        let types: Vec<DataType> = self.shown(None).map(|(_, data_type)| data_type).collect();
        let converter = RowConverter::new(types.iter().cloned().map(SortField::new).collect())?;
        let cells = |batch: &RecordBatch, names: Vec<String>| -> Result<_> {
            let cells = names.iter().zip(&types).map(|(name, t)| Ok(cast(column(batch, name)?, t)?));
            Ok(converter.convert_columns(&cells.collect::<Result<Vec<_>>>()?)?)
        };
        let there = cells(&rows, self.shown(None).map(|(name, _)| name).collect())?;
        let mut places: HashMap<OwnedRow, Vec<u32>> = HashMap::new();
        for row in (0..rows.num_rows()).rev() {
            places.entry(there.row(row).owned()).or_default().push(row as u32);
        }
        let sought = cells(wanted, self.shown(Some(self.side)).map(|(name, _)| name).collect())?;
        let mut taken: Vec<Option<u32>> = Vec::with_capacity(wanted.num_rows());
        for (n, want) in self.wants.iter().enumerate() {
            let row = match want.change {
                Change::Insert => None,
                _ => places.get_mut(&sought.row(n).owned()).and_then(Vec::pop),
            };
            if row.is_none() && want.change != Change::Insert {
                refused[n].get_or_insert("the row was not found as it was when it was compared".into());
            }
            taken.push(row);
        }
        let indices = UInt32Array::from(taken);
        let images = names.iter().map(|name| Ok(take(column(&rows, &image_name(name))?, &indices, None)?));
        let images = images.collect::<Result<Vec<_>>>()?;
        self.images(images, wanted.num_rows())
    }

    /// What is compared of a row, by the names that it has among a side's rows, or in the divergence table.
    fn shown(&self, in_table: Option<Side>) -> impl Iterator<Item = (String, DataType)> {
        let plan = &self.look.plan;
        let keys = plan.key.iter().zip(&self.look.schema.keys).map(move |(column, table)| {
            let name = if in_table.is_some() { table.clone() } else { column.name.clone() };
            (name, stored_type(&column.common.data_type))
        });
        let values = plan.values.iter().map(move |column| {
            let name = in_table.map_or(column.name.clone(), |side| format!("{side}_{}", column.name));
            (name, stored_type(column.read.get(self.side).own()))
        });
        keys.chain(values)
    }

    fn no_images(&self, rows: usize, refused: &mut [Option<String>]) -> Result<RecordBatch> {
        for (n, want) in self.wants.iter().enumerate() {
            if want.change != Change::Insert {
                refused[n].get_or_insert("the row was not found as it was when it was compared".into());
            }
        }
        let images = self.writable.columns.iter().map(|column| new_null_array(&column.image, rows));
        self.images(images.collect(), rows)
    }

    fn images(&self, images: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let fields = self.writable.columns.iter().map(|column| Field::new(&column.name, column.image.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let images = images.iter().zip(schema.fields()).map(|(image, field)| Ok(cast(image, field.data_type())?));
        let images = images.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new_with_options(schema, images, &counted(rows))?)
    }

    /// A row that is missing to the rule may be there all the same: its filters leave it out.
    async fn left_out(&self, wanted: &RecordBatch, refused: &mut [Option<String>]) -> Result<()> {
        for side in Side::BOTH {
            let of_side = self.look.plan.sides.get(side);
            let change = if side == self.side { Change::Insert } else { Change::Delete };
            let is = |want: &Want| want.change == change && want.kind != Kind::DuplicateKey;
            if of_side.filter.is_none() && of_side.filters.is_empty() || !self.wants.iter().any(is) {
                continue;
            }
            let rows = self.look.rows(side, self.keys, None, Vec::new(), false).await?;
            let keys = &self.look.plan.key;
            let types: Vec<DataType> = keys.iter().map(|key| stored_type(&key.common.data_type)).collect();
            let converter = RowConverter::new(types.iter().cloned().map(SortField::new).collect())?;
            let convert = |batch: &RecordBatch, names: Vec<&String>| -> Result<_> {
                let cells = names.iter().zip(&types).map(|(name, t)| Ok(cast(column(batch, name)?, t)?));
                Ok(converter.convert_columns(&cells.collect::<Result<Vec<_>>>()?)?)
            };
            let mut there: HashSet<OwnedRow> = HashSet::new();
            for batch in &rows {
                let cells = convert(batch, keys.iter().map(|key| &key.name).collect())?;
                there.extend(cells.iter().map(|row| row.owned()));
            }
            let sought = convert(wanted, self.look.schema.keys.iter().collect())?;
            for (n, _) in self.wants.iter().enumerate().filter(|(_, want)| is(want)) {
                if there.contains(&sought.row(n).owned()) {
                    refused[n].get_or_insert(format!(
                        "the {side} has a row with this key, which the rule's filters leave out"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Puts what is right into one column of the images after.
    fn write(
        &self,
        written: &Written<'_>,
        wanted: &RecordBatch,
        after: &mut [ArrayRef],
        sets: &mut [Vec<usize>],
        refused: &mut [Option<String>],
    ) -> Result<()> {
        let name = &written.plan.name;
        let is_set = |want: &Want| match want.change {
            Change::Insert => true,
            Change::Update => !written.key && want.columns.contains(name),
            Change::Delete => false,
        };
        let asked: Vec<bool> = self.wants.iter().map(is_set).collect();
        if !asked.contains(&true) {
            return Ok(());
        }
        let all = |refused: &mut [Option<String>], why: &str, of: &dyn Fn(&Want) -> bool| {
            for (n, want) in self.wants.iter().enumerate().filter(|(n, want)| asked[*n] && of(want)) {
                let _ = want;
                refused[n].get_or_insert(why.to_string());
            }
        };
        let place = match &written.place {
            Ok(place) => *place,
            Err(why) => {
                all(refused, why, &|_| true);
                return Ok(());
            }
        };
        let column_of = &self.writable.columns[place];
        if let Some(why) = &column_of.generated {
            // A new row gets it from what it is generated of; looking again tells whether it agrees.
            all(refused, &format!("{name} {why}"), &|want| want.change == Change::Update);
            return Ok(());
        }
        if let Some(why) = &column_of.fixed {
            all(refused, &format!("{name} {why}"), &|want| want.change == Change::Update);
        }
        let right = self.side.other();
        let source = match written.key {
            true => {
                let n = self.look.plan.key.iter().position(|key| key.name == *name).unwrap_or(0);
                self.look.schema.keys[n].clone()
            }
            false => format!("{right}_{name}"),
        };
        let values = column(wanted, &source)?;
        let spelled = self.opened.spell(self.writable, place, values)?;
        let unreadable = unreadable(wanted, right, name)?;
        let mut now = asked.clone();
        for (n, want) in self.wants.iter().enumerate().filter(|(n, _)| asked[*n]) {
            if unreadable[n] {
                refused[n].get_or_insert(format!("{name} cannot be read in the {right}"));
            } else if let Some(why) = &spelled.refused[n] {
                refused[n].get_or_insert(format!("{name}: {why}"));
            } else if spelled.values.is_null(n) && column_of.never_null {
                refused[n].get_or_insert(format!("{name} is NULL in the {right}, and cannot be NULL here"));
            }
            now[n] = refused[n].is_none() || want.change == Change::Insert;
            if now[n] {
                sets[n].push(place);
            }
        }
        let mask = BooleanArray::from(now);
        after[place] = zip(&mask, &spelled.values, &after[place])?;
        Ok(())
    }

    /// What the table's own rules make impossible, or what would change more than was asked for.
    fn check(&self, sets: &[Vec<usize>], refused: &mut [Option<String>]) {
        let key: Vec<usize> = self.columns().iter().filter(|c| c.key).filter_map(|c| c.place.clone().ok()).collect();
        let unique_key = self.writable.uniques.iter().any(|one| one.columns.iter().all(|n| key.contains(n)));
        for (n, want) in self.wants.iter().enumerate().filter(|(n, _)| refused[*n].is_none()).collect::<Vec<_>>() {
            refused[n] = match want.change {
                Change::Insert if want.kind == Kind::DuplicateKey && unique_key => {
                    Some("a row with this key is there, and the key is unique in the table".to_string())
                }
                Change::Insert => {
                    let missing = self.writable.columns.iter().enumerate().find(|(n_column, column)| {
                        column.never_null
                            && !column.has_default
                            && column.generated.is_none()
                            && !sets[n].contains(n_column)
                    });
                    missing.map(|(_, column)| format!("nothing tells what {} is, which cannot be NULL", column.name))
                }
                Change::Update if sets[n].is_empty() => Some("nothing is to be written".to_string()),
                change => self.writable.changed_with(change, &sets[n]).map(|one| {
                    let Dependent { table, constraint, .. } = one;
                    format!("rows of {table} would change with it ({constraint}), which could not be taken back")
                }),
            };
        }
    }
}

/// Whether a cell could not be read on a side.
fn unreadable(rows: &RecordBatch, side: Side, name: &str) -> Result<Vec<bool>> {
    let lists = column(rows, "unreadable")?.as_list::<i32>();
    let of_row = |row: usize| {
        if lists.is_null(row) {
            return Ok(false);
        }
        let cells = lists.value(row);
        let cells = cells.as_struct();
        let text = |name: &str| -> Result<ArrayRef> {
            let column = cells.column_by_name(name);
            Ok(cast(column.ok_or_else(|| Error::new(ErrorKind::Data, "`unreadable` is incomplete"))?, &DataType::Utf8)?)
        };
        let (sides, columns) = (text("side")?, text("column")?);
        let (sides, columns) = (sides.as_string::<i32>(), columns.as_string::<i32>());
        Ok((0..cells.len()).any(|n| sides.value(n) == side.as_str() && columns.value(n) == name))
    };
    (0..rows.num_rows()).map(of_row).collect()
}

/// NULL where there is no row.
fn blank(rows: &RecordBatch, is: Vec<bool>) -> Result<RecordBatch> {
    let (mask, count) = (BooleanArray::from(is), rows.num_rows());
    let columns = rows.columns().iter().map(|c| Ok(zip(&mask, c, &new_null_array(c.data_type(), count))?));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new_with_options(rows.schema(), columns, &counted(count))?)
}

fn counted(rows: usize) -> RecordBatchOptions {
    RecordBatchOptions::new().with_row_count(Some(rows))
}
