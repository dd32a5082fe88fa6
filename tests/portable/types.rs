//! Columns whose two sides have different types, tolerances, and values that compare in ways of their own.

use super::Peer;

#[test]
fn numbers_of_different_types() {
    let peer = Peer::new()
        .parquet(
            "s",
            "id:int8, u:uint64, d:decimal(20,4), f:float32, x:float64
             1 | 18446744073709551615 | 1.5000 | 0.1 | 0.1
             2 | 0 | 2.0000 | NaN | 0.3
             3 | 7 | 3.1000 | -0.0 | 1234567890123456.7
             4 | NULL | 4.0000 | inf | NULL",
        )
        .parquet(
            "t",
            "id:int64, u:int64, d:decimal(9,2), f:float64, x:decimal(30,20)
             1 | 9223372036854775807 | 1.50 | 0.1 | 0.1
             2 | 0 | 2.01 | NaN | 0.30000000000000004441
             3 | 7 | 3.10 | 0.0 | 1.0
             4 | 1 | 4.00 | -inf | NULL",
        );
    peer.agrees("{source: s, target: t, key: [id]}", "value_mismatch 4");
    peer.agrees("{source: s, target: t, key: [id], only: [x, d]}", "value_mismatch 2");
}

#[test]
fn tolerances() {
    let peer = Peer::new()
        .parquet(
            "s",
            "id:int64, d:decimal(12,2), f:float64, g:float32, i:uint8, at:timestamp(us), day:date32, t:time64(us)
             1 | 10.00 | 1.0 | 1.0 | 5 | 2026-01-01T00:00:00 | 2026-01-01 | 23:59:59
             2 | 10.00 | NaN | 0.0 | 5 | 2026-01-01T00:00:00 | 2026-01-01 | 00:00:00
             3 | NULL  | inf | 1.0 | 5 | 2026-01-01T00:00:00 | 2026-01-01 | 23:59:58
             4 | 10.00 | 100.0 | 1.0 | 0 | NULL | 2026-01-01 | 12:00:00",
        )
        .parquet(
            "t",
            "id:int64, d:decimal(12,2), f:float64, g:float32, i:uint8, at:timestamp(us), day:date32, t:time64(us)
             1 | 10.01 | 1.25 | 1.5 | 6 | 2026-01-01T00:00:02 | 2026-01-02 | 23:59:58
             2 | 10.02 | NaN | -0.0 | 7 | 2026-01-01T00:00:02.000001 | 2026-01-03 | 23:59:59
             3 | 10.00 | inf | NaN | 5 | 2025-12-31T23:59:58 | 2025-12-31 | 23:59:59.5
             4 | 10.00 | 125.0 | NULL | 1 | 2026-01-01T00:00:00 | 2026-01-01 | 12:00:02.5",
        );
    for (column, tolerance, kinds) in [
        ("d", "0.01", "value_mismatch 2"),
        ("d", "0.02", "value_mismatch 1"),
        ("d", "0.1%", "value_mismatch 2"),
        ("f", "0.25", "value_mismatch 1"),
        ("f", "20%", ""),
        ("g", "0.5", "value_mismatch 2"),
        ("i", "1", "value_mismatch 1"),
        ("at", "2s", "value_mismatch 2"),
        ("day", "1d", "value_mismatch 1"),
        ("t", "2s", "value_mismatch 2"),
    ] {
        let columns = format!("{{{column}: {{tolerance: {tolerance}}}}}");
        peer.agrees(&format!("{{source: s, target: t, key: [id], only: [{column}], columns: {columns}}}"), kinds);
    }
}

#[test]
fn times() {
    let peer = Peer::new()
        .parquet(
            "s",
            "id:int64, at:timestamp(us), z:timestamp(us,UTC), day:date32, t:time64(us)
             1 | 1969-12-31T23:59:59.999999 | 2026-03-29T00:30:00Z | 2026-01-01 | 12:00:00.123456
             2 | 2026-01-01T00:00:00.123456 | 2026-07-01T10:00:00Z | 2026-01-01 | 12:00:00.123",
        )
        .parquet(
            "t",
            "id:int64, at:timestamp(ms), z:timestamp(ms,Europe/Berlin), day:timestamp(us), t:time32(ms)
             1 | 1969-12-31T23:59:59.999 | 2026-03-29T00:30:00Z | 2026-01-01T00:00:00 | 12:00:00.123
             2 | 2026-01-01T00:00:00.124 | 2026-07-01T12:00:00Z | 2026-01-01T00:00:01 | 12:00:00.124",
        );
    peer.agrees("{source: s, target: t, key: [id]}", "value_mismatch 1");
}

#[test]
fn zoneless_against_zoned() {
    let peer = Peer::new()
        .parquet("s", "id:int64, at:timestamp(us), day:date32\n1 | 2026-01-01T12:00:00 | 2026-07-01\n2 | 2026-07-01T12:00:00 | 2026-07-01")
        .parquet(
            "t",
            "id:int64, at:timestamp(us,UTC), day:timestamp(us,UTC)
             1 | 2026-01-01T11:00:00Z | 2026-06-30T22:00:00Z
             2 | 2026-07-01T11:00:00Z | 2026-07-01T00:00:00Z",
        );
    let zone = "{timezone: Europe/Berlin}";
    peer.agrees(
        &format!("{{source: s, target: t, key: [id], columns: {{at: {zone}, day: {zone}}}}}"),
        "value_mismatch 1",
    );
    peer.agrees(
        &format!("{{source: t, target: s, key: [id], columns: {{at: {zone}, day: {zone}}}}}"),
        "value_mismatch 1",
    );
}

#[test]
fn text_as_asked() {
    let peer = Peer::new()
        .parquet("s", "id:utf8, v:utf8\n'a ' | ' X\u{a0}'\nb | é\nc | 'x y'\nD | NULL")
        .parquet("t", "id:utf8, v:utf8\na | x\nb | e\u{301}\nc | 'x  y'\nd | ''");
    peer.agrees("{source: s, target: t, key: [id]}", "missing_in_source 2, missing_in_target 2, value_mismatch 2");
    let all = "{trim: true, ignore_case: true, nfc: true}";
    peer.agrees(&format!("{{source: s, target: t, key: [id], columns: {{id: {all}, v: {all}}}}}"), "value_mismatch 2");
}

#[test]
fn json_by_value_has_no_plain_words() {
    let peer = Peer::new().csv("s", "id,v\n1,{}\n").csv("t", "id,v\n1,{ }\n");
    let rule = "{source: s, target: t, key: [id], columns: {v: {json: true}}}";
    let datasets = "datasets: {s: {csv: s.csv}, t: {csv: t.csv}}";
    peer.tieout.file("tieout.yaml", &format!("{datasets}\nrules: {{r: {rule}}}\n"));
    peer.tieout.run(["run", "r"]).exits(0);
    assert!(peer.tieout.run(["compile", "r"]).exits(0).stdout.contains("json_value("));
    let refused = peer.tieout.run(["compile", "r", "--portable"]).exits(2);
    assert!(
        refused.stderr.contains("`v` is compared as JSON, by value, for which plain SQL has no words"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("leave out --portable, or `json` of the column"), "{}", refused.stderr);
}

#[test]
fn nested_values() {
    let peer = Peer::new()
        .parquet(
            "s",
            "id:int64, l:list(int32), m:map(utf8,int64), r:struct(a:int64,b:utf8)
             1 | [1, null] | {\"x\": 1, \"y\": 2} | {\"a\": 1, \"b\": \"z\"}
             2 | [] | {} | {\"a\": 1, \"b\": null}
             3 | NULL | NULL | NULL
             4 | [1, 2] | {\"x\": 1} | {\"a\": 2, \"b\": \"z\"}",
        )
        .parquet(
            "t",
            "id:int64, l:list(int64), m:map(utf8,int64), r:struct(b:utf8,a:int64)
             1 | [1, null] | {\"y\": 2, \"x\": 1} | {\"b\": \"z\", \"a\": 1}
             2 | NULL | {} | {\"b\": null, \"a\": 1}
             3 | NULL | {} | NULL
             4 | [2, 1] | {\"x\": 2} | {\"b\": \"z\", \"a\": 3}",
        );
    peer.agrees("{source: s, target: t, key: [id]}", "value_mismatch 3");
}

#[test]
fn booleans_and_bytes() {
    let peer = Peer::new()
        .parquet("s", "id:int64, b:bool, x:binary, d:dictionary(utf8)\n1 | true | 00ff | a\n2 | false | 00 | b\n3 | NULL | NULL | NULL")
        .parquet("t", "id:int64, b:bool, x:fixedbinary(2), d:utf8\n1 | true | 00ff | a\n2 | true | 0000 | c\n3 | NULL | NULL | NULL");
    peer.agrees("{source: s, target: t, key: [id]}", "value_mismatch 1");
}
