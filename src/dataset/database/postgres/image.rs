//! Images of PostgreSQL's cells: the text that the type itself writes, under settings that every session here has, and reads again.

use crate::dataset::WritableColumn;
use crate::dataset::database::relation::quoted;
use crate::project::model::System;

/// What is selected for an image.
pub(in crate::dataset::database) fn select(column: &WritableColumn) -> String {
    as_text(&quoted(System::Postgres, &column.name), &column.native)
}

/// A cell as its image. How money is written depends on the server, and how it is set.
pub(in crate::dataset::database) fn as_text(cell: &str, native: &str) -> String {
    if native == "money" { format!("{cell}::numeric::text") } else { format!("{cell}::text") }
}

/// A text as a value of the type. An explicit cast to a type with a length would cut what is longer, so it goes to the type without one; storing it
/// then finds what does not fit.
pub(in crate::dataset::database) fn of_text(text: &str, native: &str) -> String {
    if native == "money" { format!("({text}::numeric)::money") } else { format!("({text})::{}", base(native)) }
}

/// The type without its numbers in parentheses, which a name in quotes may have too.
pub(super) fn base(native: &str) -> String {
    let (element, array) = match native.strip_suffix("[]") {
        Some(element) => (element, "[]"),
        None => (native, ""),
    };
    let bare = match element.find('(').zip(element.find(')')) {
        Some((open, close)) if !element.contains('"') && open < close => {
            format!("{}{}", &element[..open], &element[close + 1..])
        }
        _ => element.to_string(),
    };
    let bare = match bare.as_str() {
        "character" => "bpchar".to_string(),
        "bit" => "varbit".to_string(),
        interval if interval.starts_with("interval ") => "interval".to_string(),
        other => other.to_string(),
    };
    bare + array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_without_what_would_cut_values() {
        for (native, expected) in [
            ("numeric(12,2)", "numeric"),
            ("character varying(5)", "character varying"),
            ("character(5)", "bpchar"),
            ("bit(3)", "varbit"),
            ("timestamp(3) without time zone", "timestamp without time zone"),
            ("numeric(12,2)[]", "numeric[]"),
            ("interval year to month", "interval"),
            ("shop.mood", "shop.mood"),
            ("shop.\"My (5)\"", "shop.\"My (5)\""),
            ("\"My (5)\"[]", "\"My (5)\"[]"),
        ] {
            assert_eq!(base(native), expected);
        }
    }
}
