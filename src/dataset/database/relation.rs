//! What reads a relation: names in the quotes of each system, and the statement that selects columns of it.

use crate::error::{Error, ErrorKind, Result};
use crate::project::model::{DatabaseRelation, System};

/// A name in the quotes of the system.
pub(super) fn quoted(system: System, name: &str) -> String {
    match system {
        System::Mysql => format!("`{}`", name.replace('`', "``")),
        System::Postgres | System::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A text as a literal. MySQL is told not to read backslashes as escapes (`NO_BACKSLASH_ESCAPES`).
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The name by which statements call the relation that they read.
pub(super) const ALIAS: &str = "tieout";

/// What stands behind FROM, by the name [`ALIAS`].
pub(super) fn from(system: System, relation: &DatabaseRelation) -> String {
    match relation {
        DatabaseRelation::Table(parts) => format!("{} AS {ALIAS}", full_name(system, parts)),
        // On lines of its own: it may end in a comment.
        DatabaseRelation::Query(sql) => format!("(\n{sql}\n) AS {ALIAS}"),
    }
}

/// A table's name with all its parts.
pub(super) fn full_name(system: System, parts: &[String]) -> String {
    parts.iter().map(|part| quoted(system, part)).collect::<Vec<_>>().join(".")
}

/// The relation as it is shown: `sales.orders`, or `query`.
pub(super) fn shown(relation: &DatabaseRelation) -> String {
    match relation {
        DatabaseRelation::Table(parts) => parts.join("."),
        DatabaseRelation::Query(_) => "query".to_string(),
    }
}

/// A statement from the text of a template of `queries/`.
pub(super) fn rendered(template: &str, values: minijinja::Value) -> Result<String> {
    let sql = minijinja::Environment::new().render_str(template, values);
    let sql = sql.map_err(|error| Error::new(ErrorKind::Internal, "a template of a statement").source(error))?;
    Ok(sql.trim().to_string())
}

/// `SELECT columns FROM relation WHERE conditions LIMIT n`. No column at all selects a NULL for each row.
pub(super) fn select(columns: &[&str], from: &str, conditions: &[&str], limit: Option<usize>) -> String {
    let columns = if columns.is_empty() { "NULL".to_string() } else { columns.join(", ") };
    let mut sql = format!("SELECT {columns} FROM {from}");
    for (n, condition) in conditions.iter().enumerate() {
        sql.push_str(if n == 0 { " WHERE " } else { " AND " });
        sql.push_str(&format!("({condition})"));
    }
    if let Some(limit) = limit {
        sql.push_str(&format!(" LIMIT {limit}"));
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_each_system_does() {
        let table = DatabaseRelation::Table(vec!["my schema".into(), "a\"b`c".into()]);
        assert_eq!(from(System::Postgres, &table), "\"my schema\".\"a\"\"b`c\" AS tieout");
        assert_eq!(from(System::Mysql, &table), "`my schema`.`a\"b``c` AS tieout");
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn statements() {
        assert_eq!(
            select(&["a", "b"], "t", &["x", "y OR z"], Some(3)),
            "SELECT a, b FROM t WHERE (x) AND (y OR z) LIMIT 3"
        );
        assert_eq!(select(&[], "t", &[], None), "SELECT NULL FROM t");
    }
}
