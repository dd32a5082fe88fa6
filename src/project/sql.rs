//! SQL that an analyst wrote, checked without any data: does it parse, are its parameters declared, which tables does it read.

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement as SqlStatement, TableFactor, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location as SqlLocation, Token, Tokenizer};

use super::source::{is_identifier, located};
use super::words::did_you_mean;
use crate::error::{Error, ErrorKind, Location, Result};

/// From a line and column of the SQL to a place in the user's file.
pub(crate) type Locate<'a> = &'a dyn Fn(u64, u64) -> Option<Location>;

/// A table that a query reads, as DataFusion will look it up: parts joined by dots, unquoted names in lower case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableUse {
    pub name: String,
    pub location: Option<Location>,
}

/// A condition of the command line, which has no parameters and no place in a file.
pub fn check_condition(sql: &str) -> Result<()> {
    check_expression(sql, &[], &|_, _| None)
}

/// SQL that gives one value, such as a filter.
pub(crate) fn check_expression(sql: &str, params: &[String], locate: Locate) -> Result<()> {
    check_words(sql, params, locate)?;
    let parsed = DFParser::parse_sql_into_expr_with_dialect(sql, &GenericDialect {})
        .map_err(|e| parse_error(sql, &e, locate))?;
    match parsed.alias {
        Some(alias) => Err(located(
            Error::new(ErrorKind::Sql, format!("the SQL does not parse: `{alias}` follows a complete expression"))
                .hint("leave out AS and the name"),
            locate(alias.span.start.line, alias.span.start.column),
        )),
        None => Ok(()),
    }
}

/// One query; returns the tables it reads.
pub(crate) fn check_query(sql: &str, params: &[String], locate: Locate) -> Result<Vec<TableUse>> {
    check_words(sql, params, locate)?;
    let statements =
        DFParser::parse_sql_with_dialect(sql, &GenericDialect {}).map_err(|e| parse_error(sql, &e, locate))?;
    let wrong = |message: &str| located(Error::new(ErrorKind::Sql, message), locate(1, 1)).hint("write one SELECT");
    let mut statements = statements.into_iter();
    let (first, second) = (statements.next(), statements.next());
    if second.is_some() {
        return Err(wrong("there is more than one statement"));
    }
    let query = match first {
        None => return Err(wrong("there is no query here")),
        Some(Statement::Statement(statement)) => match *statement {
            SqlStatement::Query(query) => query,
            _ => return Err(wrong("only a query can stand here")),
        },
        Some(_) => return Err(wrong("only a query can stand here")),
    };
    let mut tables = Tables { locate, used: Vec::new(), in_scope: Vec::new(), function: false };
    match query.visit(&mut tables) {
        ControlFlow::Continue(()) => Ok(tables.used),
        ControlFlow::Break(error) => Err(parse_error(sql, &error, locate)),
    }
}

/// `$name` must be declared, and `${NAME}` is refused: what stands in SQL is never replaced as text.
fn check_words(sql: &str, params: &[String], locate: Locate) -> Result<()> {
    let tokens = match Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => return Err(broken(&error.message, at(sql, error.location, locate))),
    };
    for token in &tokens {
        let place = || locate(token.span.start.line, token.span.start.column);
        match &token.token {
            Token::Whitespace(_) => {}
            Token::Placeholder(name) if name == "$" && variable_in(sql).is_some() => {
                return Err(no_variables(sql, place()));
            }
            Token::Placeholder(name) => {
                let bare = name.trim_start_matches(['$', ':', '@', '?']);
                if !name.starts_with('$') || !params.iter().any(|param| param == bare) {
                    let known = params.iter().map(String::as_str);
                    return Err(located(
                        Error::new(ErrorKind::Sql, format!("the parameter `{name}` is not declared")),
                        place(),
                    )
                    .hint(match params.is_empty() {
                        true => format!("declare it in the project file: params: {{{bare}: {{date: 2026-01-31}}}}"),
                        false => did_you_mean(bare, known, "the parameters"),
                    }));
                }
            }
            other => {
                let text = other.to_string();
                if variable_in(&text).is_some() {
                    return Err(no_variables(&text, place()));
                }
            }
        }
    }
    Ok(())
}

/// The name in the first `${NAME}`.
fn variable_in(text: &str) -> Option<&str> {
    text.split("${").skip(1).find_map(|rest| {
        let name = rest.split('}').next()?;
        is_identifier(name.split(":-").next()?).then_some(name)
    })
}

fn no_variables(text: &str, place: Option<Location>) -> Error {
    let name = variable_in(text).unwrap_or("NAME");
    let param = name.to_lowercase();
    located(Error::new(ErrorKind::Sql, format!("`${{{name}}}` is not replaced inside SQL")), place)
        .hint(format!("declare a parameter, params: {{{param}: {{text: \"${{{name}}}\"}}}}, and write ${param}"))
}

/// The position stands in the message only, as ` at Line: 1, Column: 5`; without one, it is the end.
fn parse_error(sql: &str, error: &DataFusionError, locate: Locate) -> Error {
    let message = match error.find_root() {
        DataFusionError::SQL(parser, _) => match &**parser {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
            ParserError::RecursionLimitExceeded => "it is nested too deeply".to_string(),
        },
        other => other.strip_backtrace(),
    };
    let (text, place) = match message.rsplit_once(" at Line: ") {
        Some((text, place)) => (
            text,
            place.split_once(", Column: ").and_then(|(line, column)| {
                Some(SqlLocation {
                    line: line.parse().ok()?,
                    column: column.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()?,
                })
            }),
        ),
        None => (message.as_str(), None),
    };
    broken(text, at(sql, place.unwrap_or(SqlLocation { line: 0, column: 0 }), locate))
}

fn at(sql: &str, place: SqlLocation, locate: Locate) -> Option<Location> {
    if place.line > 0 {
        return locate(place.line, place.column);
    }
    let end = sql.trim_end();
    let line = end.matches('\n').count() as u64 + 1;
    locate(line, end.rsplit('\n').next().unwrap_or(end).chars().count() as u64 + 1)
}

fn broken(text: &str, place: Option<Location>) -> Error {
    let text = text
        .replace("Expected: ", "expected ")
        .replace(", found: EOF", ", found the end")
        .replace(", found: ", ", found ");
    located(Error::new(ErrorKind::Sql, format!("the SQL does not parse: {text}")), place)
}

/// Collects the tables of a query. Names of common table expressions are no tables within their query.
struct Tables<'a> {
    locate: Locate<'a>,
    used: Vec<TableUse>,
    in_scope: Vec<String>,
    /// The next relation is the name of a table function.
    function: bool,
}

impl Tables<'_> {
    fn name(&self, relation: &ObjectName) -> Result<String, DataFusionError> {
        let reference = object_name_to_table_reference(relation.clone(), true)?;
        let parts = [reference.catalog(), reference.schema(), Some(reference.table())];
        Ok(parts.into_iter().flatten().collect::<Vec<_>>().join("."))
    }
}

impl Visitor for Tables<'_> {
    type Break = DataFusionError;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        self.function = matches!(factor, TableFactor::Table { args: Some(_), .. } | TableFactor::Function { .. });
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Self::Break> {
        if std::mem::take(&mut self.function) {
            return ControlFlow::Continue(());
        }
        let name = match self.name(relation) {
            Ok(name) => name,
            Err(error) => return ControlFlow::Break(error),
        };
        if !self.in_scope.contains(&name) && !self.used.iter().any(|table| table.name == name) {
            let start = relation.0.first().and_then(|part| part.as_ident()).map(|ident| ident.span.start);
            let location = start.and_then(|start| (self.locate)(start.line, start.column));
            self.used.push(TableUse { name, location });
        }
        ControlFlow::Continue(())
    }

    /// A common table expression may read a table of its own name: `WITH t AS (SELECT * FROM t)`. So each one is visited
    /// before its name comes into scope, unless it is recursive.
    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            if !query.with.as_ref().is_some_and(|with| with.recursive) {
                cte.visit(self)?;
            }
            match self.name(&ObjectName::from(vec![cte.alias.name.clone()])) {
                Ok(name) => self.in_scope.push(name),
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let ctes = query.with.as_ref().map_or(0, |with| with.cte_tables.len());
        self.in_scope.truncate(self.in_scope.len() - ctes);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn here(line: u64, column: u64) -> Option<Location> {
        Some(Location { file: "q.sql".into(), line, column })
    }

    #[rstest]
    #[case("select * from a join b on true", &["a", "b"])]
    #[case("select * from erp.Orders", &["erp.orders"])]
    #[case("select * from \"erp.Orders\"", &["erp.Orders"])]
    #[case("with t as (select * from t) select * from t, u", &["t", "u"])]
    #[case("with t as (select 1) select * from t", &[])]
    #[case("with recursive t as (select 1 union all select * from t) select * from t", &[])]
    #[case("select * from reconcile('a', 'b', 'id')", &[])]
    #[case("select (select max(x) from b) from a where y in (select y from c)", &["b", "a", "c"])]
    fn tables(#[case] sql: &str, #[case] expected: &[&str]) {
        let mut used: Vec<String> = check_query(sql, &[], &here).unwrap().into_iter().map(|table| table.name).collect();
        let mut expected: Vec<&str> = expected.to_vec();
        used.sort();
        expected.sort();
        assert_eq!(used, expected);
    }

    #[rstest]
    #[case("select 1 +", "q.sql:1:11: the SQL does not parse: expected an expression, found the end")]
    #[case("select *\nfrom a\nwher x = 1", "q.sql:3:6: the SQL does not parse: expected end of statement, found x")]
    #[case("select 'a", "q.sql:1:8: the SQL does not parse: Unterminated string literal")]
    #[case("select 1; select 2", "q.sql:1:1: there is more than one statement")]
    #[case("drop table a", "q.sql:1:1: only a query can stand here")]
    #[case("-- nothing", "q.sql:1:1: there is no query here")]
    #[case("select * from a where d = $day", "q.sql:1:27: the parameter `$day` is not declared")]
    #[case("select * from a where d = '${DAY}'", "q.sql:1:27: `${DAY}` is not replaced inside SQL")]
    #[case("select * from a where d = ${DAY}", "q.sql:1:27: `${DAY}` is not replaced inside SQL")]
    fn broken_queries(#[case] sql: &str, #[case] expected: &str) {
        assert_eq!(check_query(sql, &["as_of".to_string()], &here).unwrap_err().to_string(), expected);
    }

    #[rstest]
    #[case("a = 1 b", "q.sql:1:7: the SQL does not parse: expected end of expression, found b")]
    #[case("a = 1 as b", "q.sql:1:10: the SQL does not parse: `b` follows a complete expression")]
    #[case("a = ", "q.sql:1:4: the SQL does not parse: expected an expression, found the end")]
    #[case("a = 1) or (true", "q.sql:1:6: the SQL does not parse: expected end of expression, found )")]
    fn broken_expressions(#[case] sql: &str, #[case] expected: &str) {
        assert_eq!(check_expression(sql, &[], &here).unwrap_err().to_string(), expected);
    }

    #[test]
    fn declared_parameters_and_comments_are_fine() {
        check_expression("d <= $as_of -- not ${DAY}", &["as_of".to_string()], &here).unwrap();
    }
}
