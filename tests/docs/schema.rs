//! The project file's JSON Schema as Markdown: one table for each object that has keys of its own.

use serde_json::Value;

pub fn tables(schema: &Value) -> String {
    let mut out = table("The file", schema);
    let order = [
        "Dataset",
        "Files",
        "Csv",
        "Ndjson",
        "Database",
        "Sqlite",
        "Limits",
        "Rule",
        "Column",
        "Settle",
        "Recheck",
        "Allow",
        "RuleRepair",
        "Authority",
        "Param",
        "Repair",
        "Policy",
        "RepairLimits",
    ];
    let defs = schema["$defs"].as_object().unwrap();
    let known = |name: &str| order.contains(&name);
    assert!(defs.keys().all(|name| known(name)), "the schema has new objects: {:?}", defs.keys());
    for name in order {
        out.push_str(&format!("\n{}", table(&format!("`{name}`"), &defs[name])));
    }
    out
}

fn table(title: &str, object: &Value) -> String {
    let description = object["description"].as_str().unwrap_or_default();
    let mut out = format!("### {title}\n\n{description}\n");
    let Some(properties) = object["properties"].as_object() else { return out };
    let required = |name: &str| object["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    out.push_str("\n| Key | Value | |\n|---|---|---|\n");
    for (name, property) in properties {
        let must = if required(name) { "; required" } else { "" };
        let description = property["description"].as_str().unwrap_or_default().replace('|', "\\|").replace('\n', " ");
        out.push_str(&format!("| `{name}` | {}{must} | {description} |\n", value(property)));
    }
    out
}

/// What may be written there.
fn value(property: &Value) -> String {
    if let Some(name) = property["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("`{name}`");
    }
    if let Some(any) = property["anyOf"].as_array() {
        return any.iter().map(value).collect::<Vec<_>>().join(" or ");
    }
    let types: Vec<&str> = match &property["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        _ => vec![],
    };
    match types.as_slice() {
        ["object"] => format!("map of name to {}", value(&property["additionalProperties"])),
        ["array"] => format!("list of {}", value(&property["items"])),
        ["string", "number", ..] => "text or number".into(),
        ["string"] => "text".into(),
        ["boolean"] => "true or false".into(),
        other => panic!("the schema has a value of a new kind: {other:?} in {property}"),
    }
}
