//! How a system writes images in statements that people carry out themselves.

use crate::dataset::database::relation::{literal, quoted};
use crate::dataset::database::{mysql, postgres};
use crate::project::model::System;

/// A system whose rows can be changed, by the name of its connector.
#[derive(Debug, Clone, Copy)]
pub struct Spoken(System);

/// None: it has no statements.
pub fn spoken(connector: &str) -> Option<Spoken> {
    [System::Postgres, System::Mysql, System::Sqlite]
        .into_iter()
        .find(|system| system.as_str() == connector)
        .map(Spoken)
}

impl Spoken {
    pub fn name(&self, name: &str) -> String {
        quoted(self.0, name)
    }

    /// Under which images are what they are.
    pub fn settings(&self) -> &'static str {
        match self.0 {
            System::Postgres => {
                "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 3;\n"
            }
            System::Mysql => mysql::write::SPOKEN,
            System::Sqlite => "",
        }
    }

    /// A condition that holds for no row where it would for several.
    pub fn one_row(&self, table: &str, condition: &str) -> String {
        match self.0 {
            // It does not look into a table while it changes it. Which of several rows that are the same is all the same.
            System::Mysql => format!("{condition} LIMIT 1"),
            _ => format!("{condition} AND (SELECT COUNT(*) FROM {table} WHERE {condition}) = 1"),
        }
    }

    /// A new row to which nothing is given.
    pub fn nothing_given(&self) -> &'static str {
        if self.0 == System::Mysql { "() VALUES ()" } else { "DEFAULT VALUES" }
    }

    /// What an insert says where one of the columns that it names is an identity that the database always gives.
    pub fn overriding(&self, fixed: &[String], names: &str) -> &'static str {
        let given = fixed.iter().any(|name| names.split(", ").any(|one| one == self.name(name)));
        if given && self.0 == System::Postgres { " OVERRIDING SYSTEM VALUE" } else { "" }
    }

    /// An image as a value of a type.
    pub fn literal(&self, image: Option<&str>, native: &str) -> String {
        match (image, self.0) {
            (None, _) => "NULL".into(),
            (Some(image), System::Sqlite) => image.to_string(),
            (Some(image), System::Mysql) => mysql::image::of_text(image, native),
            (Some(image), System::Postgres) => postgres::image::of_text(&literal(image), native),
        }
    }

    /// That a cell is still what it was.
    pub fn unchanged(&self, name: &str, image: Option<&str>, native: &str) -> String {
        match (image, self.0) {
            (None, _) => format!("{name} IS NULL"),
            (Some(image), System::Sqlite) => {
                format!("{name} IS {image} COLLATE BINARY AND typeof({name}) = typeof({image})")
            }
            (Some(image), System::Mysql) => mysql::image::unchanged(name, Some(image), native),
            (Some(image), System::Postgres) => {
                format!("{} COLLATE \"C\" = {}", postgres::image::as_text(name, native), literal(image))
            }
        }
    }
}
