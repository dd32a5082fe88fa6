//! What PostgreSQL's catalog says of a table that is to be changed.

use datafusion::arrow::datatypes::DataType;
use minijinja::context;

use crate::dataset::database::relation::{full_name, literal, rendered};
use crate::dataset::database::session::{Session, TextRows};
use crate::dataset::{Dependent, Parent, Unique, Writable, WritableColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, System};

/// The first version with generated columns, and the first with columns that an index only includes.
const GENERATED: u32 = 120_000;
const INCLUDED: u32 = 110_000;

pub(in crate::dataset::database) async fn writable(
    session: &dyn Session,
    relation: &DatabaseRelation,
) -> Result<Writable> {
    let refused = |what: String, hint: &str| Err(Error::new(ErrorKind::Config, what).hint(hint));
    let DatabaseRelation::Table(parts) = relation else {
        return refused("the rows of a query cannot be repaired".into(), "name the table that it reads: table:");
    };
    let name = full_name(System::Postgres, parts);
    let table = literal(&name);
    let ask = async |template: &str, values: minijinja::Value| -> Result<TextRows> {
        session.rows(&rendered(template, values)?).await
    };
    let version = session.rows("SELECT current_setting('server_version_num')").await?;
    let version: u32 = version.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or(0);
    let kind = ask(include_str!("../../../../queries/repair/postgres_table.sql"), context! { table => &table }).await?;
    let Some([Some(kind), Some(shown), _, Some(parent)]) = kind.first().map(Vec::as_slice) else {
        return refused(format!("the table {name} is not there"), "check its name");
    };
    match (kind.as_str(), parent.as_str()) {
        ("r", "false") | ("p", _) => {}
        ("r", _) => return refused(format!("other tables inherit from {shown}"), "repair each of them by itself"),
        ("v" | "m", _) => {
            return refused(format!("{shown} is a view: its rows cannot be repaired"), "name the table below it");
        }
        ("f", _) => return refused(format!("{shown} is a foreign table"), "repair it where it is kept"),
        _ => return refused(format!("{shown} is no table"), "name a table"),
    }
    let shown = shown.clone();
    let values = context! { table => &table, generated => version >= GENERATED };
    let told = ask(include_str!("../../../../queries/repair/postgres_columns.sql"), values).await?;
    let (mut columns, mut numbers) = (Vec::new(), Vec::new());
    for row in &told {
        let [Some(name), Some(native), not_null, generated, identity, default, Some(number)] = &row[..] else {
            continue;
        };
        let is = |cell: &Option<String>| cell.as_deref() == Some("true");
        let generated = generated.as_deref().is_some_and(|kind| !kind.is_empty());
        let always = identity.as_deref() == Some("a");
        numbers.push(number.clone());
        columns.push(WritableColumn {
            name: name.clone(),
            native: native.clone(),
            image: DataType::Utf8,
            never_null: is(not_null),
            generated: generated.then(|| "is generated: no value can be written into it".to_string()),
            fixed: always.then(|| "is an identity that the database always gives: it cannot be changed".to_string()),
            has_default: is(default),
            touched: false,
        });
    }
    let places = |list: &Option<String>| -> Option<Vec<usize>> {
        let place = |number: &str| numbers.iter().position(|known| known == number);
        list.as_deref()?.split(',').map(place).collect()
    };
    let values = context! { table => &table, included => version >= INCLUDED };
    let rows = ask(include_str!("../../../../queries/repair/postgres_uniques.sql"), values).await?;
    let mut uniques = Vec::new();
    for row in &rows {
        let [Some(name), primary, deferrable, list] = &row[..] else { continue };
        let Some(over) = places(list) else { continue };
        let is = |cell: &Option<String>| cell.as_deref() == Some("true");
        let never_null = over.iter().all(|n| columns[*n].never_null);
        let (primary, deferrable) = (is(primary), is(deferrable));
        uniques.push(Unique { name: name.clone(), columns: over, primary, never_null, deferrable });
    }
    let rows =
        ask(include_str!("../../../../queries/repair/postgres_references.sql"), context! { table => &table }).await?;
    let (mut parents, mut dependents) = (Vec::new(), Vec::new());
    for row in &rows {
        let [Some(child), Some(constraint), on_delete, on_update, from, to, own] = &row[..] else { continue };
        let is = |cell: &Option<String>| cell.as_deref() == Some("true");
        let Some(over) = places(to) else { continue };
        if let (true, Some(from)) = (is(own), places(from)) {
            parents.push(Parent { columns: from, to: over.clone() });
        }
        if is(on_delete) || is(on_update) {
            let (on_delete, on_update) = (is(on_delete), is(on_update));
            dependents.push(Dependent {
                table: child.clone(),
                constraint: constraint.clone(),
                columns: over,
                on_delete,
                on_update,
            });
        }
    }
    let triggers =
        ask(include_str!("../../../../queries/repair/postgres_triggers.sql"), context! { table => &table }).await?;
    Ok(Writable {
        connector: System::Postgres.as_str(),
        table: shown,
        columns,
        uniques,
        parents,
        dependents,
        triggers: triggers.into_iter().flatten().flatten().collect(),
    })
}
