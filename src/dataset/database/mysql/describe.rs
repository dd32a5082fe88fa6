//! The columns of a relation, and how each is read so that no value loses anything.

use std::time::Instant;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use minijinja::context;
use mysql_async::Column as WireColumn;
use mysql_async::consts::{ColumnFlags, ColumnType as T};

use super::connection::Connection;
use crate::dataset::database::column::{Column, Kind, as_text};
use crate::dataset::database::relation::{self, literal, quoted};
use crate::dataset::database::session::Described;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, System, TextOptions};
use crate::project::nearest;
use crate::sql::Hash;

/// The number of the character set of what is no text.
const BINARY: u16 = 63;
/// Engines whose tables are read in a transaction's snapshot.
pub(super) const SNAPSHOTS: [&str; 3] = ["InnoDB", "ROCKSDB", "TokuDB"];
/// So many names are looked at for one that is nearly the one that is missing.
const NAMES: usize = 10_000;

pub(super) async fn describe(
    connection: &mut Connection,
    relation: &DatabaseRelation,
    text: &TextOptions,
) -> Result<Described> {
    let from = relation::from(System::Mysql, relation);
    let doing = match relation {
        DatabaseRelation::Table(parts) if parts.len() > 2 => {
            let message = format!("the name {} has more than two parts", relation::shown(relation));
            return Err(Error::new(ErrorKind::Config, message).hint("write database.table"));
        }
        DatabaseRelation::Table(_) => format!("the table {} cannot be read", relation::shown(relation)),
        DatabaseRelation::Query(_) => "the query cannot be planned".to_string(),
    };
    let start = Instant::now();
    let wire = match (connection.columns(&doing, &format!("SELECT * FROM {from}")).await, relation) {
        (Err(error), DatabaseRelation::Table(parts)) if error.kind() == ErrorKind::NotFound => {
            return Err(near(connection, parts, error).await);
        }
        (wire, _) => wire?,
    };
    let latency = start.elapsed();
    let columns: Vec<Column> = wire.iter().map(|wire| column_of(wire, text)).collect::<Result<_>>()?;
    crate::dataset::declared::check(&text.columns, columns.iter().map(|column| &column.name))?;
    let flags = |wanted| wire.iter().filter(move |wire| wire.flags().contains(wanted));
    let mut described = Described {
        from,
        columns,
        never_null: flags(ColumnFlags::NOT_NULL_FLAG).map(|wire| wire.name_str().into_owned()).collect(),
        hashes: vec![Hash::Md5],
        latency,
        ..Described::default()
    };
    if let DatabaseRelation::Table(parts) = relation {
        facts(connection, parts, &mut described).await?;
    }
    if described.primary_key.is_empty() {
        // Of a view or a query, the flag may be that of a column below it.
        described.never_null.clear();
    }
    Ok(described)
}

fn schema(parts: &[String]) -> String {
    match parts {
        [schema, _] => literal(schema),
        _ => "DATABASE()".to_string(),
    }
}

/// What the catalog knows of a table: about how many rows, its primary key, which columns are plain.
async fn facts(connection: &mut Connection, parts: &[String], described: &mut Described) -> Result<()> {
    let name = parts.last().map_or("", String::as_str);
    let template = include_str!("../../../../queries/catalog/mysql_table.sql");
    // In information_schema, case is of no matter.
    let sql = relation::rendered(template, context! { schema => schema(parts), name => literal(name) })?;
    let start = Instant::now();
    let rows = connection.rows("the catalog cannot be read", &sql).await?;
    // The catalog may take its time; what is asked for is the way.
    described.latency = described.latency.min(start.elapsed());
    for row in rows {
        let [Some(table), Some(what), Some(value)] = &row[..] else { continue };
        // Of tables that differ in case only, as this server tells them apart.
        if table != name {
            continue;
        }
        match what.as_str() {
            "rows" => described.estimated_rows = value.parse().ok(),
            "engine" if !SNAPSHOTS.iter().any(|engine| engine.eq_ignore_ascii_case(value)) => {
                let doubt = format!(
                    "{table} is kept by {value}, which has no snapshots: what is changed meanwhile may be seen in part"
                );
                described.doubt = Some(doubt);
            }
            "engine" => {}
            "plain" => described.columns.iter_mut().filter(|c| c.name == *value).for_each(|c| c.plain = true),
            _ => described.primary_key.push(value.clone()),
        }
    }
    Ok(())
}

/// The table that is nearly called so.
async fn near(connection: &mut Connection, parts: &[String], error: Error) -> Error {
    let template = include_str!("../../../../queries/catalog/mysql_names.sql");
    let Ok(sql) = relation::rendered(template, context! { limit => NAMES }) else { return error };
    let Ok(rows) = connection.rows("the catalog cannot be read", &sql).await else { return error };
    let names: Vec<String> = rows.into_iter().flatten().flatten().collect();
    match nearest(&parts.join("."), names.iter().map(String::as_str)) {
        Some(name) => Error::new(error.kind(), error.message()).hint(format!("did you mean {name}?")),
        None => error,
    }
}

fn column_of(wire: &WireColumn, text: &TextOptions) -> Result<Column> {
    let name = wire.name_str();
    let (plain, native) = (quoted(System::Mysql, &name), native(wire));
    let text_of = |select: String, declared: &DataType| Ok(Column::text_of(&name, select, Some(declared), &native));
    if let Some(declared) = text.columns.get(name.as_ref()) {
        let select = match wire.column_type() {
            T::MYSQL_TYPE_GEOMETRY => format!("ST_AsText({plain})"),
            // Bytes otherwise.
            T::MYSQL_TYPE_BIT => format!("CAST({plain} AS UNSIGNED)"),
            _ if is_binary(wire) && matches!(declared, DataType::Binary) => format!("HEX({plain})"),
            // Made text where it is decoded: the server's own text of a float has six digits.
            _ => plain,
        };
        return text_of(select, declared);
    }
    match wire.column_type() {
        T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => text_of(plain, &DataType::Date32),
        T::MYSQL_TYPE_TIME => text_of(plain, &DataType::Time64(TimeUnit::Microsecond)),
        T::MYSQL_TYPE_DATETIME => text_of(plain, &DataType::Timestamp(TimeUnit::Microsecond, None)),
        T::MYSQL_TYPE_TIMESTAMP => text_of(plain, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        // A NULL of no type takes the type of the other side.
        T::MYSQL_TYPE_NULL => Ok(Column::text_of(&name, plain, None, &native)),
        _ => match kind_of(wire) {
            Some(kind) => Ok(Column::new(&name, plain, kind, &native)),
            None => Err(Error::new(
                ErrorKind::Schema,
                format!("the column {name:?} is of the type {native}, which has no agreed meaning elsewhere"),
            )
            .hint(format!("read it as text: {}; or leave it out by a query", as_text(&name)))),
        },
    }
}

fn kind_of(wire: &WireColumn) -> Option<Kind> {
    let unsigned = wire.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    Some(match (wire.column_type(), unsigned) {
        // What BOOLEAN is short for. A value that is neither 0 nor 1 is an error when it comes.
        (T::MYSQL_TYPE_TINY, _) if wire.column_length() == 1 => Kind::Bool,
        (T::MYSQL_TYPE_TINY, false) => Kind::Int8,
        (T::MYSQL_TYPE_TINY, true) => Kind::UInt8,
        (T::MYSQL_TYPE_YEAR, _) | (T::MYSQL_TYPE_SHORT, false) => Kind::Int16,
        (T::MYSQL_TYPE_SHORT, true) => Kind::UInt16,
        (T::MYSQL_TYPE_INT24 | T::MYSQL_TYPE_LONG, false) => Kind::Int32,
        (T::MYSQL_TYPE_INT24 | T::MYSQL_TYPE_LONG, true) => Kind::UInt32,
        (T::MYSQL_TYPE_LONGLONG, false) => Kind::Int64,
        (T::MYSQL_TYPE_LONGLONG, true) => Kind::UInt64,
        (T::MYSQL_TYPE_FLOAT, _) => Kind::Float32,
        (T::MYSQL_TYPE_DOUBLE, _) => Kind::Float64,
        (T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL, _) => decimal(wire, unsigned)?,
        (T::MYSQL_TYPE_BIT, _) if wire.column_length() == 1 => Kind::Bool,
        (T::MYSQL_TYPE_BIT, _) => Kind::UInt64,
        (T::MYSQL_TYPE_JSON, _) => Kind::Text,
        _ if is_binary(wire) => Kind::Binary,
        _ if is_string(wire) => Kind::Text,
        _ => return None,
    })
}

/// Precision and scale, of which the protocol tells the scale, and the characters that the longest number takes.
fn decimal(wire: &WireColumn, unsigned: bool) -> Option<Kind> {
    let scale = wire.decimals();
    let signs = u32::from(!unsigned) + u32::from(scale > 0);
    let precision = u8::try_from(wire.column_length().saturating_sub(signs)).ok()?.max(scale).max(1);
    let scale = i8::try_from(scale).ok()?;
    (precision <= 76).then_some(Kind::Decimal(precision, scale))
}

fn is_string(wire: &WireColumn) -> bool {
    matches!(
        wire.column_type(),
        T::MYSQL_TYPE_STRING
            | T::MYSQL_TYPE_VAR_STRING
            | T::MYSQL_TYPE_VARCHAR
            | T::MYSQL_TYPE_ENUM
            | T::MYSQL_TYPE_SET
            | T::MYSQL_TYPE_TINY_BLOB
            | T::MYSQL_TYPE_BLOB
            | T::MYSQL_TYPE_MEDIUM_BLOB
            | T::MYSQL_TYPE_LONG_BLOB
    )
}

fn is_binary(wire: &WireColumn) -> bool {
    is_string(wire) && wire.character_set() == BINARY
}

/// The type in MySQL's words, as far as the protocol tells it.
fn native(wire: &WireColumn) -> String {
    let name = match wire.column_type() {
        T::MYSQL_TYPE_TINY if wire.column_length() == 1 => "tinyint(1)",
        T::MYSQL_TYPE_TINY => "tinyint",
        T::MYSQL_TYPE_SHORT => "smallint",
        T::MYSQL_TYPE_INT24 => "mediumint",
        T::MYSQL_TYPE_LONG => "int",
        T::MYSQL_TYPE_LONGLONG => "bigint",
        T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL => "decimal",
        T::MYSQL_TYPE_NEWDATE => "date",
        T::MYSQL_TYPE_STRING if is_binary(wire) => "binary",
        T::MYSQL_TYPE_VAR_STRING | T::MYSQL_TYPE_VARCHAR if is_binary(wire) => "varbinary",
        T::MYSQL_TYPE_STRING => "char",
        T::MYSQL_TYPE_VAR_STRING | T::MYSQL_TYPE_VARCHAR => "varchar",
        _ if is_binary(wire) => "blob",
        _ if is_string(wire) => "text",
        other => return format!("{other:?}").trim_start_matches("MYSQL_TYPE_").to_lowercase(),
    };
    name.to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(14, 2, false, Kind::Decimal(12, 2))]
    #[case(11, 0, false, Kind::Decimal(10, 0))]
    #[case(67, 30, false, Kind::Decimal(65, 30))]
    #[case(13, 2, true, Kind::Decimal(12, 2))]
    #[case(5, 3, false, Kind::Decimal(3, 3))]
    fn decimals_by_the_length_of_their_text(
        #[case] length: u32,
        #[case] scale: u8,
        #[case] unsigned: bool,
        #[case] kind: Kind,
    ) {
        let wire = WireColumn::new(T::MYSQL_TYPE_NEWDECIMAL).with_column_length(length).with_decimals(scale);
        assert_eq!(decimal(&wire, unsigned), Some(kind));
    }

    #[test]
    fn one_digit_is_a_boolean() {
        let tiny = |length| kind_of(&WireColumn::new(T::MYSQL_TYPE_TINY).with_column_length(length));
        assert_eq!((tiny(1), tiny(4)), (Some(Kind::Bool), Some(Kind::Int8)));
        let bit = |length| kind_of(&WireColumn::new(T::MYSQL_TYPE_BIT).with_column_length(length));
        assert_eq!((bit(1), bit(2)), (Some(Kind::Bool), Some(Kind::UInt64)));
    }
}
