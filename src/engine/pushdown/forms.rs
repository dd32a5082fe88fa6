//! Whether databases can digest the rows of a match, and in which forms.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::dataset::{DatabaseTable, Grid, Request, SegmentBy, Segments};
use crate::rule::plan::{ColumnPlan, MatchPlan, ReadFrom, SidePlan};
use crate::side::{BySide, Side};
use crate::sql::{Form, Hash};

/// How the rows of both sides are digested.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// Of the compared columns, the key's first.
    pub forms: Vec<Form>,
    /// Whether what could not be read of the column goes along.
    pub unread: Vec<bool>,
    pub keys: usize,
    pub by: SegmentBy,
    pub hash: Hash,
    /// An index serves conditions on the key, in all databases that take part.
    pub indexed: bool,
    names: BySide<Vec<String>>,
}

impl Pushed {
    pub fn request(&self, side: Side, grid: Grid, within: Option<(Grid, Segments)>) -> Request {
        let columns = self.names.get(side).iter().cloned().zip(self.forms.iter().copied()).collect();
        Request { columns, by: self.by, hash: self.hash, grid, within }
    }

    /// The name of the first column of the key.
    pub fn first_key(&self, side: Side) -> &str {
        &self.names.get(side)[0]
    }

    /// By the hash of the key, where its values are too far apart to be cut in ranges.
    pub fn by_hash(&self) -> Self {
        Self { by: SegmentBy::Hash(self.keys), indexed: false, ..self.clone() }
    }

    /// The forms of the first columns, in words.
    pub fn words(&self, columns: usize) -> String {
        let words = self.forms.iter().zip(&self.unread).take(columns);
        let words = words.map(|(form, unread)| format!("{}{}", form.word(), if *unread { "?" } else { "" }));
        words.collect::<Vec<_>>().join(",")
    }
}

fn database(side: &SidePlan) -> Option<&DatabaseTable> {
    side.opened.as_ref()?.database().map(AsRef::as_ref)
}

/// The forms, or why databases cannot digest the rows.
pub fn pushed(plan: &MatchPlan) -> Result<Pushed, String> {
    let databases = plan.sides.as_ref().map(database);
    let tables: Vec<&DatabaseTable> = [databases.source, databases.target].into_iter().flatten().collect();
    if tables.iter().all(|table| table.hashes().is_empty()) {
        return Err("no side is a database that computes checksums".into());
    }
    for side in Side::BOTH {
        let of_side = plan.sides.get(side);
        if databases.get(side).is_some() && (of_side.filter.is_some() || !of_side.filters.is_empty()) {
            return Err("a filter stands on a database, which may mean something else there".into());
        }
    }
    let mut forms = Vec::new();
    let mut names = BySide::<Vec<String>>::default();
    for column in plan.key.iter().chain(&plan.values) {
        let form = form(column, &databases)?;
        for side in Side::BOTH {
            // What is no database is read as the plan says.
            let name = match &column.read.get(side).from {
                ReadFrom::Column(name) => name.clone(),
                ReadFrom::Expression(_) => String::new(),
            };
            if let Some(why) = databases.get(side).and_then(|table| table.refuses(&name, form)) {
                return Err(why);
            }
            names.get_mut(side).push(name);
        }
        forms.push(form);
    }
    let hash =
        [Hash::Lookup3, Hash::Md5].into_iter().find(|hash| tables.iter().all(|table| table.hashes().contains(hash)));
    let Some(hash) = hash else { return Err("there is no digest that both databases compute".into()) };
    let whole = plan.keyed
        && plan.key.len() == 1
        && plan.key[0].common.data_type.is_integer()
        && plan.key[0].common.data_type != DataType::UInt64
        && forms[0] == Form::Integer;
    let indexed = |side: Side| databases.get(side).is_none_or(|table| table.has_index_on(&names.get(side)[0]));
    Ok(Pushed {
        unread: plan.key.iter().chain(&plan.values).map(ColumnPlan::has_residue).collect(),
        keys: plan.key.len(),
        by: if whole { SegmentBy::Key } else { SegmentBy::Hash(plan.key.len()) },
        indexed: whole && Side::BOTH.into_iter().all(indexed),
        hash,
        forms,
        names,
    })
}

fn form(column: &ColumnPlan, databases: &BySide<Option<&DatabaseTable>>) -> Result<Form, String> {
    let no = |why: &str| Err(format!("{:?} {why}", column.name));
    if column.normal.any() {
        return no("is changed before it is compared");
    }
    if column.common.by_value {
        return no("is compared by its digits, which fit no type");
    }
    // Numbers of any length, which databases write as text.
    let mut open = false;
    for side in Side::BOTH {
        let reading = column.read.get(side);
        if databases.get(side).is_none() {
            continue;
        }
        if matches!(reading.from, ReadFrom::Expression(_)) {
            return no("is an expression, which may mean something else in the database");
        }
        if reading.zone.is_some() {
            return no("is read in a time zone");
        }
        open |= reading.text_as.is_some();
    }
    Ok(match &column.common.data_type {
        t if (t.is_integer() || t.is_decimal()) && open => Form::Number,
        t if t.is_integer() => Form::Integer,
        DataType::Decimal128(_, 0) | DataType::Decimal256(_, 0) => Form::Integer,
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Form::Decimal(*scale),
        DataType::Boolean => Form::Boolean,
        DataType::Date32 => Form::Date,
        DataType::Time64(TimeUnit::Microsecond) => Form::Time,
        DataType::Timestamp(unit, _) if *unit != TimeUnit::Nanosecond => Form::Timestamp(*unit),
        DataType::Float32 => Form::Float32,
        DataType::Float64 => Form::Float64,
        t if crate::rule::common::is_text(t) => Form::Text,
        t if crate::rule::common::plain(t) == DataType::Binary => Form::Binary,
        t => return no(&format!("is compared as {t}, which databases do not write alike")),
    })
}
