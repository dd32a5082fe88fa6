//! The JSON summary: one document, whose shape is a contract (docs/reference, section "JSON summary").

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// The document, indented, with a newline at its end.
pub fn json(report: &impl Serialize) -> Result<String> {
    let mut out = serde_json::to_string_pretty(report)
        .map_err(|error| Error::new(ErrorKind::Internal, "the report cannot be written as JSON").source(error))?;
    out.push('\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use crate::report::fixture;

    #[test]
    fn the_document() {
        insta::assert_snapshot!(super::json(&fixture::diverged()).unwrap(), @r#"
        {
          "run_id": "019a2b3c-0000-7000-8000-000000000001",
          "outcome": "diverged",
          "started_at": "2026-01-01T00:00:00Z",
          "elapsed_ms": 1203,
          "rules": [
            {
              "rule": "orders",
              "kind": "match",
              "outcome": "diverged",
              "guarantee": "digest128",
              "strategy": "digest",
              "why": "24 bytes a row tell which rows may differ",
              "work": {
                "estimated_rows": 12002388,
                "bytes_read": 411041792,
                "rows_per_second": 14781266,
                "bytes_per_second": 506208000,
                "spilled_bytes": 1610612736
              },
              "rows": {
                "source": 6001215,
                "target": 6001173,
                "equal": 5983355,
                "value_mismatch": 11909,
                "missing_in_target": 5951,
                "missing_in_source": 5909,
                "duplicate_key": 0
              },
              "columns": [
                {
                  "column": "amount",
                  "value_mismatch": 5955,
                  "within_tolerance": 12
                },
                {
                  "column": "status",
                  "value_mismatch": 6000,
                  "within_tolerance": 0
                },
                {
                  "column": "comment",
                  "value_mismatch": 0,
                  "within_tolerance": 0
                }
              ],
              "schema": {
                "only_in_source": [
                  "legacy"
                ],
                "only_in_target": [],
                "type_differs": [
                  {
                    "column": "x",
                    "source": "Utf8",
                    "target": "Binary"
                  }
                ]
              },
              "notes": [
                "id: Int32 in the source, Int64 in the target; compared as Int64"
              ],
              "divergences": "out/divergences/rule=orders/run=019a2b3c-0000-7000-8000-000000000001/"
            }
          ]
        }
        "#);
    }
}
