//! Names of the key columns in a divergence table, where the table has names of its own.

/// Names that a divergence table has of itself; `rule` and `run` come in by the folders' names.
const OURS: [&str; 8] = ["run_id", "divergence_id", "kind", "side", "changed_columns", "unreadable", "rule", "run"];

/// A name that clashes with ours or with `taken`, in any case, is written `key_<name>`; with a note for each.
pub fn key_names<'a>(names: impl Iterator<Item = &'a str>, taken: &[&str]) -> (Vec<String>, Vec<String>) {
    let mut notes = Vec::new();
    let mut used: Vec<String> = OURS.iter().chain(taken).map(|name| name.to_lowercase()).collect();
    let names: Vec<&str> = names.collect();
    let own: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let renamed = names
        .into_iter()
        .map(|name| {
            let mut written = name.to_string();
            while used.contains(&written.to_lowercase()) || written != name && own.contains(&written.to_lowercase()) {
                written = format!("key_{written}");
            }
            if written != name {
                notes
                    .push(format!("column `{name}` is written as `{written}`, for `{name}` has another meaning there"));
            }
            used.push(written.to_lowercase());
            written
        })
        .collect();
    (renamed, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_clash_are_renamed_in_any_case() {
        let (names, notes) = key_names(["Kind", "id", "run", "key_run", "source_x"].into_iter(), &["source_x"]);
        assert_eq!(names, ["key_Kind", "id", "key_key_run", "key_run", "key_source_x"]);
        assert_eq!(notes.len(), 3);
    }
}
