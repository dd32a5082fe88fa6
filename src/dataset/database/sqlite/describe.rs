//! The columns of a table, a view or a query, and what the schema says of them.

use rusqlite::{Connection, OptionalExtension};

use super::{failure, types};
use crate::dataset::database::column::Column;
use crate::dataset::database::relation::{self, quoted};
use crate::dataset::database::session::Described;
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, System, TextOptions};
use crate::project::nearest;

/// What columns are qualified with: a name in double quotes that stands alone is a text to SQLite, where no column has it.
const ALIAS: &str = "tieout";

/// What SQLite says of a column of a view that comes from one of bytes, or from one without a type.
const VIEW_OF_ANYTHING: &str = "BLOB";

/// One column as the schema has it.
struct Declared {
    name: String,
    /// As SQLite itself calls it where it is selected.
    selected: String,
    declared: String,
    /// Its place in the primary key, from 1; 0: it is not in it.
    key: i64,
    /// SQLite sees to it that cells are of the declared type.
    kept: bool,
}

pub(super) fn describe(connection: &Connection, relation: &DatabaseRelation, text: &TextOptions) -> Result<Described> {
    let (from, declared, estimated_rows) = match relation {
        DatabaseRelation::Table(parts) => table(connection, parts)?,
        DatabaseRelation::Query(sql) => query(connection, relation, sql)?,
    };
    let columns: Vec<Column> = declared
        .iter()
        .map(|column| {
            let select = format!("{ALIAS}.{}", quoted(System::Sqlite, &column.selected));
            match text.columns.get(&column.name) {
                Some(wanted) => Column::text_of(&column.name, select, Some(wanted), &column.declared),
                None => types::column(&column.name, select, &column.declared, column.kept),
            }
        })
        .collect();
    crate::dataset::declared::check(&text.columns, declared.iter().map(|column| &column.name))?;
    let mut key: Vec<&Declared> = declared.iter().filter(|column| column.key > 0).collect();
    key.sort_by_key(|column| column.key);
    let primary_key = key.into_iter().map(|column| column.name.clone()).collect();
    // Nothing lies between: whatever SQLite could compute, the engine computes faster.
    Ok(Described { from, columns, estimated_rows, primary_key, ..Described::default() })
}

type Found = (String, Vec<Declared>, Option<u64>);

fn table(connection: &Connection, parts: &[String]) -> Result<Found> {
    let doing = format!("the table {} cannot be read", parts.join("."));
    let failed = |failure| failure::error(&doing, failure);
    let name = match parts {
        [name] => name,
        [schema, name] if schema.eq_ignore_ascii_case("main") => name,
        _ => {
            let hint = "a file has one schema; a name that holds a dot stands in double quotes: '\"a.b\"'";
            return Err(Error::new(ErrorKind::NotFound, format!("{doing}: SQLite has no schemas")).hint(hint));
        }
    };
    let sql = "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
    let found = connection
        .query_row(sql, [name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()
        .map_err(failed)?;
    let Some((name, kind, without_rowid, strict)): Option<(String, String, bool, bool)> = found else {
        return Err(near(connection, name, &doing));
    };
    let from = format!("main.{} AS {ALIAS}", quoted(System::Sqlite, &name));
    // Says what is wrong with a view.
    connection.prepare(&format!("SELECT * FROM {from}")).map_err(failed)?;
    let mut columns = declared(connection, &name, "main", strict).map_err(failed)?;
    let unclear = if kind == "view" { VIEW_OF_ANYTHING } else { "" };
    tell_bytes(connection, &from, &mut columns, unclear).map_err(failed)?;
    let indexed = "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk')";
    let mut key = columns.iter_mut().filter(|column| column.key > 0);
    if let (Some(column), None, false) = (key.next(), key.next(), without_rowid)
        && column.declared.eq_ignore_ascii_case("INTEGER")
        && !connection.query_row(indexed, [&name], |row| row.get::<_, bool>(0)).map_err(failed)?
    {
        // The column is another name of the rowid.
        column.kept = true;
    }
    let rows = estimated_rows(connection, &name).map_err(failed)?;
    Ok((from, columns, rows))
}

/// The columns of a table or a view, less the hidden ones of virtual tables.
fn declared(connection: &Connection, name: &str, schema: &str, kept: bool) -> rusqlite::Result<Vec<Declared>> {
    let sql = "SELECT name, coalesce(type, ''), pk FROM pragma_table_xinfo(?1, ?2) WHERE hidden <> 1 ORDER BY cid";
    let mut statement = connection.prepare(sql)?;
    let columns = statement.query_map([name, schema], |row| {
        let name: String = row.get(0)?;
        Ok(Declared { selected: name.clone(), name, declared: row.get(1)?, key: row.get(2)?, kept })
    })?;
    columns.collect()
}

/// Whether the columns that say `unclear` of themselves hold bytes, or anything. The first cell tells; if another one is of
/// the other kind, it is found where it is read.
fn tell_bytes(connection: &Connection, from: &str, columns: &mut [Declared], unclear: &str) -> rusqlite::Result<()> {
    for column in columns.iter_mut().filter(|column| column.declared.eq_ignore_ascii_case(unclear)) {
        let name = format!("{ALIAS}.{}", quoted(System::Sqlite, &column.selected));
        let sql = format!("SELECT typeof({name}) = 'blob' FROM {from} WHERE {name} IS NOT NULL LIMIT 1");
        let bytes = connection.query_row(&sql, [], |row| row.get::<_, bool>(0)).optional()?.unwrap_or(false);
        column.declared = if bytes { "BLOB".to_string() } else { String::new() };
    }
    Ok(())
}

/// About how many rows, where `ANALYZE` has counted them. An index of some of the rows counts those alone.
fn estimated_rows(connection: &Connection, name: &str) -> rusqlite::Result<Option<u64>> {
    let analysed = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1')";
    if !connection.query_row(analysed, [], |row| row.get::<_, bool>(0))? {
        return Ok(None);
    }
    let mut statement = connection.prepare("SELECT stat FROM main.sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE")?;
    let counts = statement.query_map([name], |row| row.get::<_, Option<String>>(0))?;
    let counts = counts.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(counts.iter().flatten().filter_map(|stat| stat.split(' ').next()?.parse().ok()).max())
}

fn near(connection: &Connection, name: &str, doing: &str) -> Error {
    let error = Error::new(ErrorKind::NotFound, format!("{doing}: there is no such table"));
    let names = || -> rusqlite::Result<Vec<String>> {
        let sql = include_str!("../../../../queries/catalog/sqlite_names.sql");
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let mut names = names().unwrap_or_default();
    names.retain(|name| !name.starts_with("sqlite_"));
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None if names.is_empty() => error.hint("the file has no table at all"),
        None => {
            let more = if names.len() > 12 { " ..." } else { "" };
            error.hint(format!("the tables are {}{more}", names[..names.len().min(12)].join(", ")))
        }
    }
}

fn query(connection: &Connection, relation: &DatabaseRelation, sql: &str) -> Result<Found> {
    let doing = "the query cannot be planned";
    let failed = |failure| failure::error(doing, failure);
    let refused = |what: &str, hint: &str| Err(Error::new(ErrorKind::Sql, format!("{doing}: {what}")).hint(hint));
    let names: Vec<String> = {
        let statement = connection.prepare(sql).map_err(failed)?;
        if !statement.readonly() {
            return refused("it changes the database", "tieout only reads: write one SELECT");
        }
        if statement.parameter_count() > 0 {
            return refused("it has a parameter that nothing sets", "write the value itself");
        }
        statement.column_names().map(str::to_string).collect()
    };
    // A view is of one SELECT and of nothing else.
    let types = types_of(connection, sql).map_err(failed)?;
    let from = relation::from(System::Sqlite, relation);
    // What the columns are called from outside: SQLite tells apart those of one name.
    let selected: Vec<String> = {
        let statement = connection.prepare(&format!("SELECT * FROM {from}")).map_err(failed)?;
        statement.column_names().map(str::to_string).collect()
    };
    if names.len() != selected.len() || names.len() != types.len() {
        return refused("it is not a SELECT", "write one SELECT");
    }
    let columns = names.into_iter().zip(selected).zip(types);
    let columns =
        columns.map(|((name, selected), declared)| Declared { name, selected, declared, key: 0, kept: false });
    let mut columns: Vec<Declared> = columns.collect();
    tell_bytes(connection, &from, &mut columns, VIEW_OF_ANYTHING).map_err(failed)?;
    Ok((from, columns, None))
}

/// The declared types of a query's columns, empty where an expression has none: those of a view of it, in the schema for
/// temporary things, which is the connection's own.
fn types_of(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let view = "\"the query of tieout\"";
    connection.execute_batch(&format!("PRAGMA query_only = OFF; CREATE TEMP VIEW {view} AS\n{sql}\n"))?;
    let columns = declared(connection, view.trim_matches('"'), "temp", false);
    connection.execute_batch(&format!("DROP VIEW temp.{view}; PRAGMA query_only = ON"))?;
    Ok(columns?.into_iter().map(|column| column.declared).collect())
}
