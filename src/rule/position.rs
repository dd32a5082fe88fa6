//! Where in the analyst's own text an error of the SQL planner is.

use datafusion::error::DataFusionError;

use crate::error::{Error, Location};
use crate::project::model::Fragment;

/// The error at its place in the fragment's file. `sql`: the statement that was planned, in which the fragment stands.
pub fn locate(error: DataFusionError, fragment: &Fragment, sql: &str) -> Error {
    let place = place_of(&error).and_then(|place| within(sql, fragment, place));
    let error = Error::from(error);
    let Some(start) = &fragment.location else {
        return error.context("expression", fragment.sql.trim().to_string());
    };
    // Every line of a YAML block is indented like its first one.
    let (line, column) = place.unwrap_or((1, 1));
    error.at(Location { file: start.file.clone(), line: start.line + line - 1, column: start.column + column - 1 })
}

/// A place of the statement as a place of the fragment in it; none if it is another part of the statement.
fn within(sql: &str, fragment: &Fragment, (line, column): (u64, u64)) -> Option<(u64, u64)> {
    let text = if sql.contains(&fragment.sql) { fragment.sql.as_str() } else { fragment.sql.trim() };
    let above: usize = sql.split_inclusive('\n').take(usize::try_from(line).ok()?.checked_sub(1)?).map(str::len).sum();
    let before =
        sql[above..].chars().take(usize::try_from(column).ok()?.checked_sub(1)?).map(char::len_utf8).sum::<usize>();
    let at = above + before;
    let (start, _) = sql.match_indices(text).find(|(start, _)| (*start..=start + text.len()).contains(&at))?;
    let read = &sql[start..at];
    let last = read.rsplit('\n').next().unwrap_or(read);
    Some((read.matches('\n').count() as u64 + 1, last.chars().count() as u64 + 1))
}

/// Line and column, from 1, that the planner's diagnostic or the parser's message names.
fn place_of(error: &DataFusionError) -> Option<(u64, u64)> {
    if let Some(span) = error.diagnostic().and_then(|diagnostic| diagnostic.span) {
        return Some((span.start.line, span.start.column));
    }
    let text = error.to_string();
    let number_after = |marker: &str| {
        let from = text.rfind(marker)? + marker.len();
        let digits: String = text[from..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()
    };
    Some((number_after("Line: ")?, number_after("Column: ")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn a_syntax_error_is_found_in_the_analysts_file() {
        let sql = "-- severity: critical\nSELECT 1\nFROM WHERE x";
        let location = Location { file: "queries/q.sql".into(), line: 1, column: 1 };
        let error = SessionContext::new().sql(sql).await.unwrap_err();
        let error = locate(error, &Fragment { sql: sql.into(), location: Some(location) }, sql);
        assert_eq!(error.location().map(|l| l.line), Some(3), "{error}");
    }

    #[test]
    fn a_place_of_the_statement_is_a_place_of_the_fragment() {
        let fragment = Fragment { sql: "é > 0\n  AND nme = 1".into(), location: None };
        let sql = "SELECT 1\nFROM t\nWHERE é > 0\n  AND nme = 1";
        assert_eq!(within(sql, &fragment, (3, 7)), Some((1, 1)));
        assert_eq!(within(sql, &fragment, (3, 11)), Some((1, 5)));
        assert_eq!(within(sql, &fragment, (4, 7)), Some((2, 7)));
        assert_eq!(within(sql, &fragment, (2, 6)), None);
        assert_eq!(within(sql, &fragment, (0, 0)), None);
    }
}
