//! Keys, duplicates, filters, mapping and names.

use super::Peer;

const SOURCE: &str = "
    id:int32, name:utf8, amount:decimal(12,2)
    1 | a | 1.00
    2 | b | 2.00
    3 | c | 3.00
    NULL | n | 4.00
";
const TARGET: &str = "
    id:int64, name:utf8, amount:decimal(14,4)
    1 | a | 1.0000
    2 | B | 2.0100
    4 | d | 3.0000
    NULL | n | 5.0000
";

#[test]
fn one_key() {
    let peer = Peer::new().parquet("s", SOURCE).parquet("t", TARGET);
    peer.agrees("{source: s, target: t, key: [id]}", "missing_in_source 1, missing_in_target 1, value_mismatch 2");
    peer.agrees("{source: t, target: s, key: [id]}", "missing_in_source 1, missing_in_target 1, value_mismatch 2");
    peer.agrees("{source: s, target: s, key: [id]}", "");
    // All columns are the key: nothing is left to compare.
    peer.agrees("{source: s, target: t, key: [id, name, amount]}", "missing_in_source 3, missing_in_target 3");
}

#[test]
fn composite_keys_with_nulls() {
    let peer = Peer::new()
        .parquet("s", "a:utf8, b:int64, v:int64\nx | 1 | 1\nx | NULL | 2\nNULL | 1 | 3\nNULL | NULL | 4\n'' | 1 | 5")
        .parquet("t", "a:utf8, b:int64, v:int64\nx | 1 | 1\nx | NULL | 0\nNULL | 1 | 3\nNULL | NULL | 9\n'' | 2 | 5");
    peer.agrees("{source: s, target: t, key: [a, b]}", "missing_in_source 1, missing_in_target 1, value_mismatch 2");
}

#[test]
fn repeated_keys() {
    let peer = Peer::new()
        .parquet(
            "s",
            "id:int64, v:decimal(9,2)\n1 | 1\n1 | 2\n1 | 2\n2 | 5\n2 | 6\n3 | 1\n3 | 1\n4 | 7\n5 | 1.00\n5 | 2.00",
        )
        .parquet("t", "id:int64, v:decimal(9,2)\n1 | 2\n1 | 1\n1 | 9\n2 | 5\n4 | 7\n4 | 7\n5 | 2.01\n5 | 1.01");
    // 1: (2) against (9); 2: (6); 3: twice; 4: (7); 5: four rows.
    peer.agrees("{source: s, target: t, key: [id]}", "duplicate_key 8, missing_in_target 2");
    // Within the tolerance the rows of 5 pair off.
    peer.agrees(
        "{source: s, target: t, key: [id], columns: {v: {tolerance: 0.01}}}",
        "duplicate_key 4, missing_in_target 2",
    );
}

#[test]
fn no_key() {
    let peer = Peer::new()
        .parquet("s", "a:utf8, b:float64\nx | 1\nx | 1\ny | NULL\nz | -0.0\nn | NaN")
        .parquet("t", "a:utf8, b:float64\nx | 1\ny | NULL\ny | NULL\nz | 0.0\nn | NaN");
    peer.agrees("{source: s, target: t}", "missing_in_source 1, missing_in_target 1");
}

#[test]
fn mapping_filters_and_expressions() {
    let peer = Peer::new()
        .parquet(
            "s",
            "id:int64, status:utf8, amount:int64, note:utf8\n1 | open | 10 | a\n2 | shut | 20 | b\n3 | open | 30 | c",
        )
        .parquet(
            "t",
            "no:int64, status:utf8, cents:int64\n1 | open | 1000\n2 | shut | 1\n3 | open | 1020\n5 | open | 1",
        );
    let rule = "
        source: s
        target: t
        key: [id]
        map: {no: id}
        where: \"status = 'open'\"
        target_where: \"no < 5\"
        only: [amount]
        columns: {amount: {target: 'cents - 990'}}
    ";
    peer.agrees(rule, "");
    peer.agrees(&rule.replace("cents - 990", "cents - 991"), "value_mismatch 2");
}

/// A literal with a line break keeps it, however deep the statement is indented.
#[test]
fn literals_of_several_lines() {
    let peer = Peer::new()
        .parquet("s", "id:int64, v:utf8\n1 | 'a\\nb'\n2 | 'c'")
        .parquet("t", "id:int64, v:utf8\n1 | a\n2 | c");
    let rule = "
        source: s
        target: t
        key: [id]
        columns:
          v:
            source: |-
              replace(v, '
              b', '') -- the second line goes
    ";
    peer.agrees(rule, "");
}

/// Names that the statement or the divergence table have of themselves.
#[test]
fn names_that_clash() {
    let head = "id:int64, kind:utf8, side:utf8, place:int64, twin:int64, ordinal:int64, here:int64, in_source:int64";
    let peer = Peer::new()
        .parquet("s", &format!("{head}\n1 | a | b | 1 | 1 | 1 | 1 | 1\n2 | c | d | 2 | 2 | 2 | 2 | 2"))
        .parquet("t", &format!("{head}\n1 | a | b | 1 | 1 | 1 | 1 | 1\n2 | c | d | 2 | 2 | 2 | 3 | 2"));
    peer.agrees("{source: s, target: t, key: [id]}", "value_mismatch 1");
    peer.agrees("{source: s, target: t, key: [kind, side, ordinal, place]}", "value_mismatch 1");
    peer.agrees("{source: s, target: t}", "missing_in_source 1, missing_in_target 1");
}
