//! What SQLite's schema says of a table that is to be changed.

use datafusion::arrow::datatypes::DataType;
use minijinja::context;

use crate::dataset::database::relation::{literal, quoted, rendered};
use crate::dataset::database::session::{Session, TextRows};
use crate::dataset::{Dependent, Parent, Unique, Writable, WritableColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, System};

pub(in crate::dataset::database) async fn writable(
    session: &dyn Session,
    relation: &DatabaseRelation,
) -> Result<Writable> {
    let refused = |what: String, hint: &str| Err(Error::new(ErrorKind::Config, what).hint(hint));
    let DatabaseRelation::Table(parts) = relation else {
        return refused("the rows of a query cannot be repaired".into(), "name the table that it reads: table:");
    };
    let named = literal(parts.last().map_or("", String::as_str));
    let found = session
        .rows(&format!(
            "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND name = {named} COLLATE NOCASE"
        ))
        .await?;
    let Some([Some(name), Some(kind), without_rowid]) = found.first().map(Vec::as_slice) else {
        return refused(format!("there is no table {}", parts.join(".")), "check its name");
    };
    if kind != "table" {
        return refused(format!("{name} is a {kind}: its rows cannot be repaired"), "name the table below it");
    }
    let without_rowid = without_rowid.as_deref() == Some("1");
    let table = literal(name);
    let told = session
        .rows(&rendered(include_str!("../../../../queries/repair/sqlite_columns.sql"), context! { table => &table })?)
        .await?;
    let mut key: Vec<(i64, usize)> = Vec::new();
    let mut columns = Vec::new();
    for (n, row) in told.iter().enumerate() {
        let [Some(name), Some(declared), not_null, default, Some(place), Some(hidden)] = &row[..] else { continue };
        let place: i64 = place.parse().unwrap_or(0);
        if place > 0 {
            key.push((place, n));
        }
        columns.push(WritableColumn {
            name: name.clone(),
            native: declared.clone(),
            image: DataType::Utf8,
            never_null: not_null.as_deref() == Some("1") || (without_rowid && place > 0),
            generated: (hidden != "0").then(|| "is generated: no value can be written into it".to_string()),
            fixed: None,
            has_default: default.is_some(),
            touched: false,
        });
    }
    key.sort_unstable();
    let key: Vec<usize> = key.into_iter().map(|(_, n)| n).collect();
    let mut uniques = Vec::new();
    let indexed = indexes(session, &table, &columns).await?;
    if !key.is_empty() {
        // One column of the type INTEGER is the rowid, unless an index says otherwise.
        let rowid = key.len() == 1
            && columns[key[0]].native.eq_ignore_ascii_case("INTEGER")
            && !without_rowid
            && !indexed.iter().any(|unique| unique.primary);
        if rowid {
            (columns[key[0]].never_null, columns[key[0]].has_default) = (true, true);
        }
        let never_null = key.iter().all(|n| columns[*n].never_null);
        uniques.push(Unique { name: "primary key".into(), columns: key, primary: true, never_null, deferrable: false });
    }
    uniques.extend(indexed.into_iter().filter(|unique| !unique.primary));
    let place = |name: &str| columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
    let (parents, dependents) = references(session, name, &uniques, &place).await?;
    let triggers = session
        .rows(&format!(
            "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = {table} COLLATE NOCASE ORDER BY 1"
        ))
        .await?;
    Ok(Writable {
        connector: System::Sqlite.as_str(),
        table: format!("main.{}", quoted(System::Sqlite, name)),
        columns,
        uniques,
        parents,
        dependents,
        triggers: triggers.into_iter().flatten().flatten().collect(),
    })
}

/// Unique indexes over plain columns and all rows.
async fn indexes(session: &dyn Session, table: &str, columns: &[WritableColumn]) -> Result<Vec<Unique>> {
    let rows = session
        .rows(&rendered(include_str!("../../../../queries/repair/sqlite_uniques.sql"), context! { table => table })?)
        .await?;
    let mut found: Vec<(Unique, bool)> = Vec::new();
    for row in rows {
        let [Some(name), Some(origin), Some(column)] = &row[..] else { continue };
        let place = column.parse::<i64>().ok().and_then(|n| usize::try_from(n).ok()).filter(|n| *n < columns.len());
        if found.last().is_none_or(|(last, _)| last.name != *name) {
            let primary = origin == "pk";
            let unique =
                Unique { name: name.clone(), columns: Vec::new(), primary, never_null: true, deferrable: false };
            found.push((unique, true));
        }
        let Some((unique, plain)) = found.last_mut() else { continue };
        match place {
            Some(n) => {
                unique.columns.push(n);
                unique.never_null &= columns[n].never_null;
            }
            // An expression, or the rowid.
            None => *plain = false,
        }
    }
    Ok(found.into_iter().filter(|(_, plain)| *plain).map(|(unique, _)| unique).collect())
}

/// References within the table, and rows that change with its own.
async fn references(
    session: &dyn Session,
    name: &str,
    uniques: &[Unique],
    place: &dyn Fn(&str) -> Option<usize>,
) -> Result<(Vec<Parent>, Vec<Dependent>)> {
    let table = literal(name);
    let rows: TextRows = session
        .rows(&rendered(
            include_str!("../../../../queries/repair/sqlite_references.sql"),
            context! { table => &table },
        )?)
        .await?;
    let primary = uniques.iter().find(|unique| unique.primary).map(|unique| unique.columns.clone()).unwrap_or_default();
    let (mut parents, mut dependents): (Vec<Parent>, Vec<Dependent>) = (Vec::new(), Vec::new());
    let mut last: Option<(String, String)> = None;
    for row in &rows {
        let [Some(child), Some(id), Some(from), to, Some(on_update), Some(on_delete)] = &row[..] else { continue };
        let own = child.eq_ignore_ascii_case(name);
        if last.as_ref() != Some(&(child.clone(), id.clone())) {
            last = Some((child.clone(), id.clone()));
            let acts = |action: &str| !matches!(action, "NO ACTION" | "RESTRICT");
            dependents.push(Dependent {
                table: child.clone(),
                constraint: format!("foreign key {id}"),
                columns: Vec::new(),
                on_delete: acts(on_delete),
                on_update: acts(on_update),
            });
            if own {
                parents.push(Parent { columns: Vec::new(), to: Vec::new() });
            }
        }
        // Without names, the primary key is meant.
        let at = dependents.last().map_or(0, |one| one.columns.len());
        let to = to.as_deref().and_then(place).or(primary.get(at).copied());
        if let (Some(one), Some(to)) = (dependents.last_mut(), to) {
            one.columns.push(to);
        }
        if let (true, Some(one), Some(from), Some(to)) = (own, parents.last_mut(), place(from), to) {
            one.columns.push(from);
            one.to.push(to);
        }
    }
    dependents.retain(|one| one.on_delete || one.on_update);
    Ok((parents, dependents))
}
