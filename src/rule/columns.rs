//! Which column of the source is compared with which of the target: by mapping, by name, then by name without case.

use std::collections::{BTreeMap, HashMap};

use datafusion::arrow::datatypes::Schema;

use crate::error::{Error, ErrorKind, Result};
use crate::project::nearest;
use crate::side::Side;

/// The columns of both sides, paired.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pairing {
    /// (source column, target column), in the source's order.
    pub pairs: Vec<(String, String)>,
    pub only_in_source: Vec<String>,
    pub only_in_target: Vec<String>,
    pub notes: Vec<String>,
}

/// `map` is target column -> source column. `given` are columns that an expression gives on a side, so that they need
/// not stand there.
pub fn pair(source: &Schema, target: &Schema, map: &BTreeMap<String, String>) -> Result<Pairing> {
    let source_names: Vec<&str> = source.fields().iter().map(|f| f.name().as_str()).collect();
    let target_names: Vec<&str> = target.fields().iter().map(|f| f.name().as_str()).collect();
    for (target_column, source_column) in map {
        find(target_column, &target_names, Side::Target)?;
        find(source_column, &source_names, Side::Source)?;
    }
    let mut taken: HashMap<&str, &str> = HashMap::new(); // source -> target
    let mut used: Vec<&str> = Vec::new();
    for (target_column, source_column) in map {
        if let Some(other) = taken.insert(source_column, target_column) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("both `{other}` and `{target_column}` of the target are mapped to `{source_column}`"),
            )
            .hint("map each source column once"));
        }
        used.push(target_column);
    }
    for name in &source_names {
        if !taken.contains_key(name) && target_names.contains(name) && !used.contains(name) {
            taken.insert(name, name);
            used.push(name);
        }
    }
    let mut pairing = Pairing::default();
    for name in &source_names {
        if taken.contains_key(name) {
            continue;
        }
        let folded = name.to_lowercase();
        let free: Vec<&&str> =
            target_names.iter().filter(|t| !used.contains(*t) && t.to_lowercase() == folded).collect();
        let rivals = source_names.iter().filter(|s| !taken.contains_key(*s) && s.to_lowercase() == folded).count();
        if let ([target_name], 1) = (free.as_slice(), rivals) {
            pairing.notes.push(format!("column `{name}` of the source is compared with `{target_name}` of the target"));
            taken.insert(name, target_name);
            used.push(target_name);
        }
    }
    for name in &source_names {
        match taken.get(name) {
            Some(target_name) => pairing.pairs.push((name.to_string(), target_name.to_string())),
            None => pairing.only_in_source.push(name.to_string()),
        }
    }
    pairing.only_in_target = target_names.iter().filter(|t| !used.contains(*t)).map(|t| t.to_string()).collect();
    Ok(pairing)
}

/// An error that names the nearest column, unless `name` is one of `names`.
pub fn find(name: &str, names: &[&str], side: Side) -> Result<()> {
    if names.contains(&name) {
        return Ok(());
    }
    let error = Error::new(ErrorKind::NotFound, format!("there is no column `{name}`")).context("side", side.as_str());
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("the columns are {}", list(names))),
    })
}

/// The first names of many, for people.
pub fn list(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::{DataType, Field};

    fn schema(names: &[&str]) -> Schema {
        Schema::new(names.iter().map(|n| Field::new(*n, DataType::Int64, true)).collect::<Vec<_>>())
    }

    #[test]
    fn exact_names_come_before_names_without_case() {
        let pairing =
            pair(&schema(&["ID", "id", "Name"]), &schema(&["id", "NAME", "extra"]), &BTreeMap::new()).unwrap();
        assert_eq!(pairing.pairs, [("id".into(), "id".into()), ("Name".into(), "NAME".into())]);
        assert_eq!(pairing.only_in_source, ["ID"]);
        assert_eq!(pairing.only_in_target, ["extra"]);
        assert_eq!(pairing.notes.len(), 1);
    }

    #[test]
    fn ambiguous_case_is_not_guessed() {
        let pairing = pair(&schema(&["Id"]), &schema(&["ID", "iD"]), &BTreeMap::new()).unwrap();
        assert!(pairing.pairs.is_empty());
        assert_eq!(pairing.only_in_target, ["ID", "iD"]);
    }

    #[test]
    fn a_mapped_column_frees_its_own_name() {
        let map = BTreeMap::from([("cust_no".to_string(), "customer_id".to_string())]);
        let pairing = pair(&schema(&["customer_id", "x"]), &schema(&["x", "cust_no"]), &map).unwrap();
        assert_eq!(pairing.pairs, [("customer_id".into(), "cust_no".into()), ("x".into(), "x".into())]);
    }

    #[test]
    fn an_unknown_column_names_the_nearest() {
        let map = BTreeMap::from([("custno".to_string(), "x".to_string())]);
        let error = pair(&schema(&["x"]), &schema(&["cust_no"]), &map).unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean `cust_no`?"));
    }
}
