//! CSV against typed columns: text is read by value, and what cannot be read is a divergence.

use serde_json::json;

use super::Peer;

#[test]
fn every_type_is_read() {
    let peer = Peer::new()
        .csv(
            "s",
            &[
                "id,d,i,f,b,day,at,z,t,x",
                "1,1.50,7,0.1,true,2026-01-01,2026-01-01T12:00:00,2026-01-01T12:00:00Z,12:00:00,00ff",
                "2,1.5000,7.0,1e-1,T,2026-01-01,2026-01-01 12:00,2026-01-01T13:00:00+01:00,12:00,\\x00FF",
                "3,15e-1,7e0,.1,1,2026-01-01,2026-01-01T12:00:00.000000000,2026-01-01 12:00:00+00,12:00:00.000,00Ff",
                "4,1.505,7.5,x,yes,2026-1-1,2026-01-01T12:00:00Z,2026-01-01T12:00:00,12,0",
                "5, 1.50,0x7,0_1,2,01.01.2026,2026-01-01T12:00:00.0000001,2026-02-30T12:00:00Z,24:00:01,zz",
                "6,,,,,,,,,",
            ]
            .join("\n"),
        )
        .parquet(
            "t",
            "id:int64, d:decimal(12,2), i:int32, f:float64, b:bool, day:date32, at:timestamp(us), z:timestamp(us,UTC), t:time64(us), x:binary
             1 | 1.50 | 7 | 0.1 | true | 2026-01-01 | 2026-01-01T12:00:00 | 2026-01-01T12:00:00Z | 12:00:00 | 00ff
             2 | 1.50 | 7 | 0.1 | true | 2026-01-01 | 2026-01-01T12:00:00 | 2026-01-01T12:00:00Z | 12:00:00 | 00ff
             3 | 1.50 | 7 | 0.1 | true | 2026-01-01 | 2026-01-01T12:00:00 | 2026-01-01T12:00:00Z | 12:00:00 | 00ff
             4 | 1.50 | 7 | 0.1 | true | 2026-01-01 | 2026-01-01T12:00:00 | 2026-01-01T12:00:00Z | 12:00:00 | 00
             5 | 1.50 | 7 | 1   | true | 2026-01-01 | 2026-01-01T12:00:00 | 2026-03-02T12:00:00Z | 00:00:01 | 00
             6 | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL",
        );
    peer.agrees("{source: s, target: t, key: [id]}", "value_mismatch 2");
    peer.agrees("{source: t, target: s, key: [id]}", "value_mismatch 2");
}

/// A key that cannot be read meets nothing; with `trim`, blanks around do not matter.
#[test]
fn keys_of_text() {
    let peer = Peer::new()
        .csv("s", "id,v\n1,a\n02,b\n 3,c\nx,d\n,e\n")
        .parquet("t", "id:int64, v:utf8\n1 | a\n2 | b\n3 | c\n4 | d\nNULL | e");
    peer.agrees("{source: s, target: t, key: [id]}", "missing_in_source 2, missing_in_target 2");
    peer.agrees(
        "{source: s, target: t, key: [id], columns: {id: {trim: true}}}",
        "missing_in_source 1, missing_in_target 1",
    );
}

/// Digits that are finer than the type count.
#[test]
fn tolerances_of_text() {
    let peer = Peer::new()
        .csv(
            "s",
            "id,d,at\n1,1.505,2026-01-01T00:00:02\n2,1.5151,2026-01-01T00:00:02.000001\n3,x,\n4,151e-2,2026-01-01\n",
        )
        .parquet(
            "t",
            "id:int64, d:decimal(12,2), at:timestamp(ms)
             1 | 1.50 | 2026-01-01T00:00:00
             2 | 1.50 | 2026-01-01T00:00:00
             3 | 1.50 | NULL
             4 | 1.50 | 2026-01-01T00:00:00",
        );
    let columns = |d: &str| format!("{{d: {{tolerance: {d}}}, at: {{tolerance: 2s}}}}");
    let rule = |d: &str| format!("{{source: s, target: t, key: [id], columns: {}}}", columns(d));
    peer.agrees(&rule("0.01"), "value_mismatch 2");
    peer.agrees(&rule("1%"), "value_mismatch 2");
    peer.agrees(&rule("0.001"), "value_mismatch 4");
}

/// Text against text is text, unless types are declared or a tolerance asks for numbers.
#[test]
fn both_sides_text() {
    let peer = Peer::new()
        .csv("s", "id,v,w\n1,007,1.0\n2,x,y\n3,,2\n4,1,1e400\n")
        .csv("t", "id,v,w\n1,7,1\n2,x,y\n3,\"\",2.5\n4,1,1\n");
    peer.agrees("{source: s, target: t, key: [id]}", "value_mismatch 3");
    peer.agrees("{source: s, target: t, key: [id], columns: {w: {tolerance: 0.5}}}", "value_mismatch 2");
    let typed = json!({"columns": {"v": "int32", "w": "decimal(9,2)"}});
    let options = json!({"s": typed, "t": typed});
    peer.agrees_with(&options, "{source: s, target: t, key: [id]}", "value_mismatch 2");
    // An analyst's own SQL sees the declared types.
    peer.agrees_with(
        &options,
        "{source: s, target: t, key: [id], source_where: 'v < 8', target_where: 'v + 0 < 8', columns: {w: {source: 'w * 1'}}}",
        "value_mismatch 2",
    );
}

#[test]
fn local_times_in_text() {
    let peer = Peer::new().csv("s", "id,at\n1,2026-01-01 12:00:00\n2,2026-07-01T12:00:00Z\n3,2026-07-01\n").parquet(
        "t",
        "id:int64, at:timestamp(us,UTC)
             1 | 2026-01-01T11:00:00Z
             2 | 2026-07-01T10:00:00Z
             3 | 2026-06-30T22:00:00Z",
    );
    peer.agrees("{source: s, target: t, key: [id], columns: {at: {timezone: Europe/Berlin}}}", "value_mismatch 1");
}
