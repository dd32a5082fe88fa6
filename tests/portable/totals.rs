//! Totals rules, with groups and without, and late data.

use serde_json::json;

use super::Peer;

#[test]
fn of_typed_columns() {
    let peer = Peer::new()
        .parquet("s", "day:date32, cur:utf8, amount:decimal(12,2), n:int32\n2026-01-01 | EUR | 1.00 | 1\n2026-01-01 | EUR | 2.00 | 2\n2026-01-02 | NULL | 5.00 | 3")
        .parquet("t", "day:date32, currency:utf8, amount:decimal(12,2), n:int32\n2026-01-01 | EUR | 3.01 | 3\n2026-01-02 | NULL | 5.00 | 3\n2026-01-03 | USD | 1.00 | 1");
    let rule = "
        source: s
        target: t
        map: {currency: cur}
        group_by: {month: \"date_trunc('month', day)\", cur: cur}
        totals: {amount: sum(amount), rows: count(*), most: max(n)}
        tolerance: {amount: 0.01}
    ";
    peer.agrees(rule, "missing_in_source 1, value_mismatch 1");
    let whole = "{source: s, target: t, totals: {amount: sum(amount), n: sum(n)}}";
    peer.agrees(whole, "value_mismatch 1");
    peer.agrees("{source: s, target: t, totals: {n: sum(n)}, where: \"day < '2026-01-03'\"}", "");
}

#[test]
fn of_declared_text() {
    let peer = Peer::new()
        .csv("s", "day,amount\n2026-01-01,1.00\n2026-01-01,2.00\n2026-01-02,5.00\n")
        .parquet("t", "day:date32, amount:decimal(12,2)\n2026-01-01 | 3.00\n2026-01-02 | 5.01");
    let options = json!({"s": {"columns": {"day": "date", "amount": "decimal(12,2)"}}});
    peer.agrees_with(
        &options,
        "{source: s, target: t, group_by: {day: day}, totals: {amount: sum(amount)}}",
        "value_mismatch 1",
    );
}

#[test]
fn settled_rows_only() {
    let head = "id:int64, at:timestamp(us), v:int64";
    let peer = Peer::new()
        .parquet("s", &format!("{head}\n1 | 2020-01-01T00:00:00 | 1\n2 | 2999-01-01T00:00:00 | 1\n3 | NULL | 1"))
        .parquet("t", &format!("{head}\n1 | 2020-01-01T00:00:00 | 2\n2 | 2999-01-01T00:00:00 | 9\n3 | NULL | 5"));
    let settle = "settle: {column: at, for: 15m}";
    peer.agrees(&format!("{{source: s, target: t, key: [id], {settle}}}"), "value_mismatch 2");
    peer.agrees(&format!("{{source: s, target: t, totals: {{v: sum(v)}}, {settle}}}"), "value_mismatch 1");
}
