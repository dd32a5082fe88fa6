//! The columns of a relation, and how each is read so that no value loses anything.

use std::time::Instant;

use minijinja::context;
use tokio_postgres::types::{Kind as PgKind, Type};

use super::connection::Connection;
use crate::dataset::database::column::{Column, Kind, as_text};
use crate::dataset::database::relation::{self, literal, quoted};
use crate::dataset::database::session::Described;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, System, TextOptions};
use crate::project::nearest;
use crate::sql::Hash;

/// Ranges of pages are read without looking at the others from this version on.
const TID_RANGES: u32 = 140_000;
/// `hashtextextended` is there from this version on.
const HASHES: u32 = 110_000;
/// `hashtextextended('tieout', 1)` of a server that computes it as we do.
const PROBE: &str = "2191298959511553929";
/// About how many rows a page holds, where nobody has counted.
const ROWS_A_PAGE: u64 = 60;
/// Pages that are worth a reader of their own: 8 MiB.
const PIECE_PAGES: u64 = 1024;
const PIECES: u64 = 64;

pub(super) async fn describe(
    connection: &Connection,
    relation: &DatabaseRelation,
    text: &TextOptions,
    version: u32,
    readers: usize,
) -> Result<Described> {
    let from = relation::from(System::Postgres, relation);
    let doing = match relation {
        DatabaseRelation::Table(_) => format!("the table {} cannot be read", relation::shown(relation)),
        DatabaseRelation::Query(_) => "the query cannot be planned".to_string(),
    };
    let sql = format!("SELECT * FROM {from}");
    let statement = connection.prepare(&doing, &sql).await;
    let statement = match (statement, relation) {
        (Err(error), DatabaseRelation::Table(parts)) if error.kind() == ErrorKind::NotFound => {
            return Err(near(connection, parts, error).await);
        }
        (statement, _) => statement?,
    };
    if !statement.params().is_empty() {
        return Err(Error::new(ErrorKind::Sql, "the query has a placeholder ($1), to which nobody gives a value")
            .hint("write the value into the query"));
    }
    let columns = statement.columns().iter().map(|column| {
        let (name, typ) = (column.name(), column.type_());
        match text.columns.get(name) {
            Some(declared) => {
                // How money is written depends on the server, and how it is set.
                let number = if *typ == Type::MONEY { "::numeric" } else { "" };
                let select = format!("{}{number}::text", quoted(System::Postgres, name));
                Ok(Column::text_of(name, select, Some(declared), &shown(typ)))
            }
            None => column_of(name, typ, column.type_modifier()),
        }
    });
    let columns: Vec<Column> = columns.collect::<Result<_>>()?;
    let names: Vec<&String> = columns.iter().map(|column| &column.name).collect();
    crate::dataset::declared::check(&text.columns, names.into_iter())?;
    let mut described = Described { from, columns, ..Described::default() };
    let table = match relation {
        DatabaseRelation::Table(parts) => Some(relation::full_name(System::Postgres, parts)),
        DatabaseRelation::Query(_) => None,
    };
    facts(connection, &mut described, version, readers, table.as_deref()).await?;
    Ok(described)
}

/// Which digests the server computes; and what its catalog knows of a table: about how many rows, how many pages, its primary
/// key, which columns cannot be NULL.
async fn facts(
    connection: &Connection,
    described: &mut Described,
    version: u32,
    readers: usize,
    table: Option<&str>,
) -> Result<()> {
    let probe = if version >= HASHES { "hashtextextended('tieout', 1)" } else { "NULL" };
    let table = table.map(literal);
    let template = include_str!("../../../../queries/catalog/postgres_table.sql");
    let sql = relation::rendered(template, context! { table, probe })?;
    let start = Instant::now();
    let rows = connection.rows("the catalog cannot be read", &sql).await?;
    described.latency = start.elapsed();
    let Some([tuples, kind, pages, key, never_null, probe, encoding]) = rows.first().map(Vec::as_slice) else {
        return Ok(());
    };
    if encoding.as_deref() == Some("UTF8") {
        // A server that reads words the other way round computes another one.
        let lookup3 = probe.as_deref() == Some(PROBE);
        described.hashes = if lookup3 { vec![Hash::Lookup3, Hash::Md5] } else { vec![Hash::Md5] };
    }
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<u64>().ok());
    let listed = |text: &Option<String>| -> Vec<String> {
        text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    // A table that was never analyzed says -1.
    described.estimated_rows = number(tuples).or(number(pages).map(|pages| pages * ROWS_A_PAGE));
    described.primary_key = listed(key);
    described.never_null = listed(never_null);
    let has_pages = matches!(kind.as_deref(), Some("r" | "m"));
    let pieces = (number(pages).unwrap_or(0) / PIECE_PAGES).min(PIECES).min(readers as u64);
    if has_pages && version >= TID_RANGES && pieces > 1 {
        let pages = number(pages).unwrap_or(0);
        // What was added since lies behind the last page; of it the snapshot sees nothing, but it sees tables that inherit.
        described.pieces = (0..pieces)
            .map(|n| {
                let (low, high) = (pages * n / pieces, pages * (n + 1) / pieces);
                let low = format!("ctid >= '({low},0)'::tid");
                if n + 1 == pieces { low } else { format!("{low} AND ctid < '({high},0)'::tid") }
            })
            .collect();
    }
    Ok(())
}

/// The error, with the table that is nearly called so.
async fn near(connection: &Connection, parts: &[String], error: Error) -> Error {
    let template = include_str!("../../../../queries/catalog/postgres_names.sql");
    let Ok(sql) = relation::rendered(template, context! {}) else { return error };
    let Ok(rows) = connection.rows("the catalog cannot be read", &sql).await else { return error };
    let names = |part: usize| rows.iter().filter_map(move |row| row.get(part)?.as_deref());
    let by_table = || {
        let table = nearest(parts.last()?, names(1))?;
        names(0).zip(names(1)).find(|(_, name)| *name == table).map(|(full, _)| full)
    };
    match nearest(&parts.join("."), names(0)).or_else(by_table) {
        Some(name) => Error::new(error.kind(), error.message()).hint(format!("did you mean {name}?")),
        None => error,
    }
}

fn column_of(name: &str, typ: &Type, modifier: i32) -> Result<Column> {
    let plain = quoted(System::Postgres, name);
    let native = shown(typ);
    if let Some((kind, cast)) = kind_of(typ, modifier) {
        return Ok(Column::new(name, format!("{plain}{cast}"), kind, &native));
    }
    Err(Error::new(
        ErrorKind::Schema,
        format!("the column {name:?} is of the type {native}, which has no agreed meaning elsewhere"),
    )
    .hint(format!("read it as the text that PostgreSQL shows: {}; or leave it out by a query", as_text(name))))
}

/// A type as it is written: `numeric[]`, not `_numeric`.
fn shown(typ: &Type) -> String {
    match typ.kind() {
        PgKind::Array(element) => format!("{}[]", shown(element)),
        _ => typ.name().to_string(),
    }
}

/// What the values become, and the cast that they are selected with.
fn kind_of(typ: &Type, modifier: i32) -> Option<(Kind, &'static str)> {
    let kind = match *typ {
        Type::BOOL => Kind::Bool,
        Type::INT2 => Kind::Int16,
        Type::INT4 => Kind::Int32,
        Type::INT8 => Kind::Int64,
        Type::OID => Kind::UInt32,
        Type::FLOAT4 => Kind::Float32,
        Type::FLOAT8 => Kind::Float64,
        Type::NUMERIC => decimal(modifier).unwrap_or(Kind::Number),
        // How many digits it has is up to the server.
        Type::MONEY => return Some((Kind::Number, "::numeric")),
        Type::DATE => Kind::Date,
        Type::TIME => Kind::Time,
        Type::TIMESTAMP => Kind::Timestamp { zoned: false },
        Type::TIMESTAMPTZ => Kind::Timestamp { zoned: true },
        Type::UUID => Kind::Uuid,
        Type::BYTEA => Kind::Binary,
        Type::TEXT | Type::VARCHAR | Type::JSON => Kind::Text,
        Type::JSONB => Kind::Jsonb,
        // The cast takes away the blanks that fill char(n) up, which mean nothing.
        Type::BPCHAR => return Some((Kind::Text, "::text")),
        // Vectors of the catalog, which count from 0.
        Type::INT2_VECTOR | Type::OID_VECTOR => return Some((Kind::Text, "::text")),
        _ => {
            return match typ.kind() {
                PgKind::Array(element) => list_of(element, modifier),
                PgKind::Domain(base) => kind_of(base, -1),
                _ => says_all(typ).then_some((Kind::Text, "::text")),
            };
        }
    };
    Some((kind, ""))
}

fn list_of(element: &Type, modifier: i32) -> Option<(Kind, &'static str)> {
    let (element, cast) = kind_of(element, modifier)?;
    let cast = match cast {
        "::text" => "::text[]",
        "::numeric" => "::numeric[]",
        cast => cast,
    };
    Some((Kind::List(Box::new(element)), cast))
}

/// Types whose text says all that there is to say, in one way only.
fn says_all(typ: &Type) -> bool {
    match *typ {
        Type::TIMETZ | Type::INTERVAL | Type::BIT | Type::VARBIT | Type::INET | Type::CIDR => true,
        Type::MACADDR | Type::MACADDR8 | Type::XML | Type::PG_LSN | Type::NAME | Type::CHAR => true,
        Type::UNKNOWN => true,
        _ => matches!(typ.kind(), PgKind::Enum(_)) || typ.name() == "citext",
    }
}

/// `numeric(p, s)`, where a decimal of Arrow holds it. The modifier is `(p << 16 | s) + 4`, s in 11 bits with a sign.
fn decimal(modifier: i32) -> Option<Kind> {
    let modifier = modifier.checked_sub(4).filter(|modifier| *modifier >= 0)?;
    let (precision, scale) = ((modifier >> 16) & 0xffff, (modifier & 0x7ff ^ 0x400) - 0x400);
    let fits = (1..=76).contains(&precision) && (0..=precision).contains(&scale);
    fits.then_some(Kind::Decimal(precision as u8, scale as i8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_by_their_modifier() {
        assert_eq!(decimal(((12 << 16) | 2) + 4), Some(Kind::Decimal(12, 2)));
        assert_eq!(decimal((76 << 16) + 4), Some(Kind::Decimal(76, 0)));
        assert_eq!(decimal(-1), None);
        assert_eq!(decimal(((100 << 16) | 2) + 4), None);
        // numeric(3, -2), and numeric(2, 4), since PostgreSQL 15.
        assert_eq!(decimal(((3 << 16) | (-2 & 0x7ff)) + 4), None);
        assert_eq!(decimal(((2 << 16) | 4) + 4), None);
    }
}
