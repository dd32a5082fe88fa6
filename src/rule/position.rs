//! Where in the analyst's own text an error of the SQL planner is.

use datafusion::error::DataFusionError;

use crate::error::{Error, Location};
use crate::project::model::Fragment;

/// The error at its place in the fragment's file. `prefix`: characters that were put before the fragment on its first
/// line.
pub fn locate(error: DataFusionError, fragment: &Fragment, prefix: u64) -> Error {
    let place = place_of(&error);
    let error = Error::from(error);
    let Some(start) = &fragment.location else {
        return error.context("expression", fragment.sql.trim().to_string());
    };
    let (line, column) = match place {
        Some((1, column)) => (start.line, start.column + column.saturating_sub(1).saturating_sub(prefix)),
        Some((line, column)) => (start.line + line - 1, column),
        None => (start.line, start.column),
    };
    error.at(Location { file: start.file.clone(), line, column })
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
        let error = locate(error, &Fragment { sql: sql.into(), location: Some(location) }, 0);
        assert_eq!(error.location().map(|l| l.line), Some(3), "{error}");
    }
}
