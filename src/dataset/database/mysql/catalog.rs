//! What MySQL's catalog says of a table that is to be changed.

use datafusion::arrow::datatypes::DataType;
use minijinja::context;

use super::describe::SNAPSHOTS;
use super::image;
use crate::dataset::database::relation::{full_name, literal, rendered};
use crate::dataset::database::session::{Session, TextRows};
use crate::dataset::{Dependent, Parent, Unique, Writable, WritableColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, System};

/// A table as the catalog knows it, and what it says of its columns beyond what any system says.
#[derive(Debug, Clone)]
pub(super) struct Extra {
    /// The database counts up what is left out.
    pub counted: bool,
    /// It becomes the time of a change, unless the change says otherwise.
    pub touched: bool,
}

impl Extra {
    fn of(told: &str) -> Self {
        let told = told.to_ascii_lowercase();
        Self { counted: told.contains("auto_increment"), touched: told.contains("on update") }
    }
}

/// What is asked for the columns of a table.
pub(super) fn columns(schema: &str, name: &str) -> Result<String> {
    let template = include_str!("../../../../queries/repair/mysql_columns.sql");
    rendered(template, context! { schema => literal(schema), name => literal(name) })
}

/// What the answer says beyond what any system says, in the order of the columns.
pub(super) fn extras(told: &TextRows) -> Vec<Extra> {
    told.iter().map(|row| Extra::of(row.get(4).and_then(Option::as_deref).unwrap_or_default())).collect()
}

pub(in crate::dataset::database) async fn writable(
    session: &dyn Session,
    relation: &DatabaseRelation,
) -> Result<Writable> {
    let (schema, name) = table(session, relation).await?;
    let told = session.rows(&columns(&schema, &name)?).await?;
    let is = |cell: &Option<String>| cell.as_deref() == Some("1");
    let columns: Vec<WritableColumn> = told
        .iter()
        .zip(extras(&told))
        .map(|(row, extra)| {
            let [Some(name), Some(native), charset, never_null, told, default] = &row[..] else {
                return Err(Error::new(ErrorKind::Data, "the catalog tells no type of a column"));
            };
            let native = image::native(native, charset.as_deref());
            if !image::is_known(&native) {
                let message =
                    format!("the column {name:?} is of the type {native}: a row with it cannot be written back");
                return Err(Error::new(ErrorKind::Config, message).hint("repair the table by other means"));
            }
            let told = told.as_deref().unwrap_or_default().to_ascii_uppercase();
            let generated =
                ["VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT"].iter().any(|word| told.contains(word));
            Ok(WritableColumn {
                name: name.clone(),
                native,
                image: DataType::Utf8,
                never_null: is(never_null),
                generated: generated.then(|| "is generated: no value can be written into it".to_string()),
                fixed: None,
                has_default: extra.counted || default.as_deref().is_some_and(|default| default != "NULL"),
                touched: extra.touched,
            })
        })
        .collect::<Result<_>>()?;
    let ask = async |template: &str| -> Result<TextRows> {
        let values = context! { schema => literal(&schema), name => literal(&name) };
        session.rows(&rendered(template, values)?).await
    };
    let uniques = uniques(&ask(include_str!("../../../../queries/repair/mysql_uniques.sql")).await?, &columns);
    let found = ask(include_str!("../../../../queries/repair/mysql_references.sql")).await?;
    let (parents, dependents) = references(&found, &columns);
    let triggers = ask(include_str!("../../../../queries/repair/mysql_triggers.sql")).await?;
    Ok(Writable {
        connector: System::Mysql.as_str(),
        table: full_name(System::Mysql, &[schema, name]),
        columns,
        uniques,
        parents,
        dependents,
        triggers: triggers.into_iter().flatten().flatten().collect(),
    })
}

/// The database and the name of a table whose rows can be changed, and the change undone.
async fn table(session: &dyn Session, relation: &DatabaseRelation) -> Result<(String, String)> {
    let refused = |what: String, hint: &str| Err(Error::new(ErrorKind::Config, what).hint(hint));
    let DatabaseRelation::Table(parts) = relation else {
        return refused("the rows of a query cannot be repaired".into(), "name the table that it reads: table:");
    };
    let shown = parts.join(".");
    let schema = match &parts[..] {
        [schema, _] => literal(schema),
        _ => "DATABASE()".to_string(),
    };
    let name = parts.last().map_or("", String::as_str);
    let template = include_str!("../../../../queries/repair/mysql_table.sql");
    let found = session.rows(&rendered(template, context! { schema => schema, name => literal(name) })?).await?;
    // Names are told apart by their case where the server does so, and else there is one.
    let exact = |row: &&Vec<Option<String>>| match (&parts[..], &row[..]) {
        ([one, _], [schema, table, ..]) => schema.as_ref() == Some(one) && table.as_deref() == Some(name),
        (_, [_, table, ..]) => table.as_deref() == Some(name),
        _ => false,
    };
    let Some([Some(schema), Some(table), Some(kind), engine]) =
        found.iter().find(exact).or(found.first()).map(Vec::as_slice)
    else {
        return refused(format!("there is no table {shown}"), "check its name");
    };
    match (kind.as_str(), engine.as_deref()) {
        ("BASE TABLE", Some(engine)) if SNAPSHOTS.iter().any(|known| known.eq_ignore_ascii_case(engine)) => {
            Ok((schema.clone(), table.clone()))
        }
        ("BASE TABLE", engine) => refused(
            format!("{shown} is kept by {}, which cannot undo a change", engine.unwrap_or("no engine")),
            "move it to an engine with transactions: ALTER TABLE ... ENGINE=InnoDB",
        ),
        ("VIEW" | "SYSTEM VIEW", _) => {
            refused(format!("{shown} is a view: its rows cannot be repaired"), "name the table below it")
        }
        ("SYSTEM VERSIONED", _) => refused(
            format!("{shown} keeps its own history, which a revert could not put back"),
            "repair it by other means",
        ),
        (kind, _) => {
            refused(format!("{shown} is a {}: its rows cannot be repaired", kind.to_lowercase()), "name a table")
        }
    }
}

fn place(columns: &[WritableColumn], name: &str) -> Option<usize> {
    columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
}

/// Unique indexes over whole columns.
fn uniques(rows: &TextRows, columns: &[WritableColumn]) -> Vec<Unique> {
    let mut found: Vec<(Unique, bool)> = Vec::new();
    for row in rows {
        let [Some(name), column, whole] = &row[..] else { continue };
        if found.last().is_none_or(|(last, _)| last.name != *name) {
            let primary = name == "PRIMARY";
            let unique =
                Unique { name: name.clone(), columns: Vec::new(), primary, never_null: true, deferrable: false };
            found.push((unique, true));
        }
        let Some((unique, plain)) = found.last_mut() else { continue };
        match column.as_deref().and_then(|column| place(columns, column)) {
            Some(n) if whole.as_deref() == Some("1") => {
                unique.columns.push(n);
                unique.never_null &= columns[n].never_null;
            }
            // An expression, or the beginning of a column.
            _ => *plain = false,
        }
    }
    found.into_iter().filter(|(_, plain)| *plain).map(|(unique, _)| unique).collect()
}

/// References within the table, and rows that change with its own.
fn references(rows: &TextRows, columns: &[WritableColumn]) -> (Vec<Parent>, Vec<Dependent>) {
    let (mut parents, mut dependents): (Vec<Parent>, Vec<Dependent>) = (Vec::new(), Vec::new());
    for row in rows {
        let [Some(child), Some(constraint), Some(on_delete), Some(on_update), Some(from), Some(to), own] = &row[..]
        else {
            continue;
        };
        let own = own.as_deref() == Some("1");
        if dependents.last().is_none_or(|last| (&last.table, &last.constraint) != (child, constraint)) {
            let acts = |rule: &str| !matches!(rule, "NO ACTION" | "RESTRICT");
            dependents.push(Dependent {
                table: child.clone(),
                constraint: constraint.clone(),
                columns: Vec::new(),
                on_delete: acts(on_delete),
                on_update: acts(on_update),
            });
            if own {
                parents.push(Parent { columns: Vec::new(), to: Vec::new() });
            }
        }
        let Some(to) = place(columns, to) else { continue };
        if let Some(one) = dependents.last_mut() {
            one.columns.push(to);
        }
        if let (true, Some(one), Some(from)) = (own, parents.last_mut(), place(columns, from)) {
            one.columns.push(from);
            one.to.push(to);
        }
    }
    dependents.retain(|one| one.on_delete || one.on_update);
    (parents, dependents)
}
