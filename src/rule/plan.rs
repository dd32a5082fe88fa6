//! A match rule, resolved against the columns that its two sides really have: the MatchPlan, which `sql.rs` prints as SQL
//! and `engine` executes.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};

use crate::dataset::Opened;
use crate::project::model::{Fragment, Tolerance};
use crate::rule::common::{Common, is_float, is_nested};
use crate::side::{BySide, Side};
use crate::verdict::SchemaDifferences;

/// What is compared with what, and how.
#[derive(Debug, Clone)]
pub struct MatchPlan {
    /// The rule's name; part of every divergence's identity.
    pub rule: String,
    pub sides: BySide<SidePlan>,
    /// Identify a row. Without a key all columns stand here, and `values` is empty.
    pub key: Vec<ColumnPlan>,
    pub keyed: bool,
    /// Compared by value, in the source's order.
    pub values: Vec<ColumnPlan>,
    pub schema: SchemaDifferences,
    pub notes: Vec<String>,
}

/// Where the rows of one side come from.
#[derive(Debug, Clone)]
pub struct SidePlan {
    /// What stands behind FROM: a quoted name, or a subquery with an alias.
    pub from: String,
    /// The same in plain SQL, over tables that are named like the datasets.
    pub portable: String,
    /// Columns of `from` that `columns:` of the dataset declares a type for, by name.
    pub declared: Vec<(String, DataType)>,
    /// All columns of `from`.
    pub columns: Vec<String>,
    /// In the side's own names.
    pub filter: Option<Fragment>,
    /// In source names, on both sides: the rule's `where`, and `settle`.
    pub filters: Vec<Filter>,
    /// Only rows for which this holds, over what is compared: the segments of both sides that do not agree.
    pub segments: Option<String>,
    /// Columns of `from` that come along as they are, each with the name that it goes by. None where rules are compared.
    pub carried: Vec<(String, String)>,
    /// Columns that only the filters need, as (source name, how to read it).
    pub extra: Vec<(String, Reading)>,
    /// Rows of the relation, from metadata, where no filter stands.
    pub exact_rows: Option<u64>,
    /// The files that `from` reads, where it is a dataset of files.
    pub opened: Option<Arc<Opened>>,
}

#[derive(Debug, Clone)]
pub enum Filter {
    Where(Fragment),
    /// Keep rows whose column is not later than the instant, in RFC 3339; NULL is kept.
    SettledBy {
        column: String,
        instant: String,
        zoned: bool,
    },
}

/// One column of the comparison, under its source name.
#[derive(Debug, Clone)]
pub struct ColumnPlan {
    pub name: String,
    pub read: BySide<Reading>,
    pub common: Common,
    pub normal: Normal,
    pub tolerance: Option<Tolerance>,
}

/// What is done to text before it is compared, where asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Normal {
    pub trim: bool,
    pub ignore_case: bool,
    pub nfc: bool,
    /// Numbers of any length are brought to the only form in which they are written.
    pub number: bool,
    /// As the value that the JSON in it says.
    pub json: bool,
}

impl Normal {
    pub fn any(self) -> bool {
        self.trim || self.ignore_case || self.nfc || self.json || self.number
    }
}

/// How one side's column is read.
#[derive(Debug, Clone)]
pub struct Reading {
    pub from: ReadFrom,
    /// The type as it stands in the dataset, or that the expression gives.
    pub stored: DataType,
    /// Text that is read as this type; what cannot be read is unreadable.
    pub text_as: Option<DataType>,
    /// What a zoneless time of this side means, where the other side is zoned.
    pub zone: Option<String>,
    /// Text that is a number of any length.
    pub number: bool,
}

#[derive(Debug, Clone)]
pub enum ReadFrom {
    Column(String),
    Expression(Fragment),
}

impl Reading {
    /// The side's own type: as which its cells appear in the divergence table.
    pub fn own(&self) -> &DataType {
        self.text_as.as_ref().unwrap_or(&self.stored)
    }

    /// Whether cells of this side may be unreadable.
    pub fn has_residue(&self) -> bool {
        self.text_as.is_some() || self.zone.is_some()
    }
}

impl ColumnPlan {
    pub fn has_residue(&self) -> bool {
        Side::BOTH.iter().any(|side| self.read.get(*side).has_residue())
    }

    /// Whether what is compared is another value than the one shown.
    pub fn has_cmp(&self) -> bool {
        self.normal.any()
            || self.common.by_value
            || is_nested(&self.common.data_type)
            || is_float(&self.common.data_type)
            || Side::BOTH.iter().any(|side| {
                let read = self.read.get(*side);
                read.own() != &self.common.data_type || read.zone.is_some()
            }) && self.read.source.own() != self.read.target.own()
    }

    /// Whether what is compared is the canonical encoding of a nested value.
    pub fn is_encoded(&self) -> bool {
        is_nested(&self.common.data_type) && !self.common.by_value
    }

    /// Text is compared with a tolerance at full width, so that digits finer than the type count.
    pub fn wide(&self) -> Option<DataType> {
        use datafusion::arrow::datatypes::TimeUnit::Nanosecond;
        self.tolerance.as_ref()?;
        let read = [&self.read.source, &self.read.target].into_iter().find_map(|read| read.text_as.as_ref())?;
        match read {
            t if is_float(t) => None,
            DataType::Timestamp(_, zone) => Some(DataType::Timestamp(Nanosecond, zone.clone())),
            DataType::Date32 | DataType::Date64 | DataType::Duration(_) => None,
            DataType::Time32(_) | DataType::Time64(_) => Some(DataType::Time64(Nanosecond)),
            DataType::Decimal256(precision, scale) => Some(DataType::Decimal256(76, wide_scale(*precision, *scale))),
            _ => Some(DataType::Decimal256(76, 38)),
        }
    }
}

/// As many digits on both sides of the point as 76 allow, but none fewer than the type itself has.
fn wide_scale(precision: u8, scale: i8) -> i8 {
    let scale = scale.max(0);
    let integer = i16::from(precision) - i16::from(scale);
    // At most 76 - scale, for no precision is above 76.
    76 - i8::try_from(integer.max(38).min(76 - i16::from(scale))).unwrap_or(38)
}

/// A relation that a side is read from, before planning.
#[derive(Debug, Clone)]
pub struct Relation {
    /// What stands behind FROM.
    pub from: String,
    /// The same in plain SQL.
    pub portable: String,
    /// With the metadata of untyped text.
    pub schema: Schema,
    pub exact_rows: Option<u64>,
    /// The files that it reads, where it is a dataset of files.
    pub opened: Option<Arc<Opened>>,
}
