//! Hive partitions: `key=value` segments of a path become text columns. The file must not be opened to know them.

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::scalar::ScalarValue;

use super::listing::Object;
use super::{TEXT_OF, percent};
use crate::error::{Error, ErrorKind, Result};

/// What Hive writes for NULL.
pub(super) const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The partition columns of a dataset, and the values of each file in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Partitions {
    pub fields: Vec<Field>,
    pub values: Vec<Vec<ScalarValue>>,
}

/// Reads the partitions of all files. Each file must have the same keys, or none may have any.
pub(super) fn partitions(objects: &[Object]) -> Result<Partitions> {
    let rows: Vec<Vec<(String, Option<String>)>> = objects.iter().map(|object| segments(&object.relative)).collect();
    let Some(widest) = rows.iter().max_by_key(|row| row.len()) else { return Ok(Partitions::default()) };
    let keys: Vec<String> = widest.iter().map(|(key, _)| key.clone()).collect();
    if let Some(twice) = keys.iter().enumerate().find_map(|(n, key)| keys[..n].contains(key).then_some(key)) {
        return Err(Error::new(ErrorKind::Data, format!("the partition {twice:?} stands twice in one path")));
    }
    let mut values = Vec::with_capacity(rows.len());
    for (row, object) in rows.iter().zip(objects) {
        let extra = row.iter().map(|(key, _)| key).find(|key| !keys.contains(key));
        let lacking = keys.iter().find(|key| !row.iter().any(|(k, _)| k == *key));
        if let Some(key) = lacking.or(extra) {
            return Err(uneven(&object.display, lacking.is_some(), key));
        }
        if row.len() != keys.len() {
            let shown = &object.display;
            return Err(Error::new(ErrorKind::Data, format!("{shown} repeats a partition key in its path")));
        }
        let value = |key: &String| row.iter().find(|(k, _)| k == key).and_then(|(_, value)| value.clone());
        values.push(keys.iter().map(|key| ScalarValue::Utf8(value(key))).collect());
    }
    let fields = keys.iter().map(|key| text_field(key)).collect();
    Ok(Partitions { fields, values })
}

fn uneven(file: &str, lacking: bool, key: &str) -> Error {
    let verb = if lacking { "lacks" } else { "alone has" };
    Error::new(ErrorKind::Data, format!("{file} {verb} the partition {key:?} in its path")).hint(
        "every file below a partitioned folder must have the same `key=value` segments; name the files with a glob",
    )
}

fn text_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true).with_metadata([(TEXT_OF.to_string(), String::new())].into())
}

impl Partitions {
    /// A column that the files hold themselves wins over the path. It must then be in all of them, since rows
    /// of the others would lose the value.
    pub(super) fn without_columns_of(mut self, schema: &Schema, in_every_file: impl Fn(&str) -> bool) -> Result<Self> {
        let mut at = 0;
        while at < self.fields.len() {
            let name = self.fields[at].name().clone();
            if schema.column_with_name(&name).is_none() {
                at += 1;
                continue;
            }
            if !in_every_file(&name) {
                let message = format!("the partition {name:?} is also a column of some of the files, but not of all");
                return Err(Error::new(ErrorKind::Data, message).hint("split the dataset with globs"));
            }
            self.fields.remove(at);
            for row in &mut self.values {
                row.remove(at);
            }
        }
        Ok(self)
    }
}

/// The `key=value` segments of the folders of a path; None is NULL.
fn segments(relative: &str) -> Vec<(String, Option<String>)> {
    let folders = relative.rsplit_once('/').map_or("", |(folders, _)| folders);
    let pairs = folders.split('/').filter_map(|segment| segment.split_once('='));
    pairs
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (decode(key), (value != NULL).then(|| decode(value))))
        .collect()
}

/// What would not be Unicode stays as it is written.
fn decode(text: &str) -> String {
    String::from_utf8(percent::decode(text)).unwrap_or_else(|_| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(paths: &[&str]) -> Vec<Object> {
        paths.iter().map(|path| Object::for_tests(path)).collect()
    }

    fn text(value: &str) -> ScalarValue {
        ScalarValue::Utf8(Some(value.to_string()))
    }

    #[test]
    fn segments_become_columns() {
        let found =
            partitions(&objects(&["y=2024/c=a%2Fb/1.csv", "y=2025/c=__HIVE_DEFAULT_PARTITION__/1.csv"])).unwrap();
        let names: Vec<&str> = found.fields.iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["y", "c"]);
        assert_eq!(found.values[0], [text("2024"), text("a/b")]);
        assert_eq!(found.values[1], [text("2025"), ScalarValue::Utf8(None)]);
    }

    #[test]
    fn a_file_name_with_an_equal_sign_is_no_partition() {
        assert_eq!(partitions(&objects(&["a=b.csv", "c.csv"])).unwrap().fields, []);
    }

    #[test]
    fn a_file_without_the_partition_is_named() {
        let error = partitions(&objects(&["y=2024/1.csv", "2.csv"])).unwrap_err();
        assert_eq!(error.message(), "2.csv lacks the partition \"y\" in its path");
        let error = partitions(&objects(&["y=2024/1.csv", "x=1/2.csv"])).unwrap_err();
        assert!(error.message().contains("partition"), "{error}");
    }

    #[test]
    fn the_column_inside_the_files_wins() {
        let found = partitions(&objects(&["y=2024/1.csv"])).unwrap();
        let schema = Schema::new(vec![Field::new("y", DataType::Int32, true)]);
        assert_eq!(
            found.clone().without_columns_of(&schema, |_| true).unwrap(),
            Partitions { fields: vec![], values: vec![vec![]] }
        );
        assert!(found.without_columns_of(&schema, |_| false).is_err());
    }
}
