//! A column may have any name: one that the engine's own statements use makes no difference.

use crate::support::tieout::Tieout;

#[test]
fn columns_may_be_called_like_the_engine_s_own() {
    let names = [
        "s",
        "t",
        "k",
        "twin",
        "kind",
        "side",
        "here",
        "there",
        "single",
        "slot",
        "place",
        "ordinal",
        "in_source",
        "in_target",
        "source",
        "target",
        "source_rows",
        "joined",
        "compared",
        "group",
        "select",
    ];
    let header = |last: &str| format!("id,{},{last}\n", names.join(","));
    let row = |id: u32, value: &str, last: &str| format!("{id},{},{last}\n", vec![value; names.len()].join(","));
    let tieout = Tieout::new();
    tieout
        .file("a.csv", &(header("x") + &row(1, "a", "1") + &row(2, "b", "2") + &row(2, "b", "2") + &row(3, "c", "3")));
    tieout.file("b.csv", &(header("x") + &row(1, "a", "1") + &row(2, "z", "2") + &row(4, "d", "4")));
    for strategy in ["digest", "join", "merge", "bytes"] {
        let diff = ["diff", "a.csv", "b.csv", "--format=json", "--strategy", strategy];
        let keyed = tieout.run(diff.into_iter().chain(["--key=id", "--tolerance=x=0.5"])).exits(1).rule("diff");
        let rows = &keyed["rows"];
        // Of key 2, the source has two rows and the target one, and none of them agree.
        assert_eq!((&rows["equal"], &rows["duplicate_key"]), (&1.into(), &3.into()), "{strategy}: {keyed:#}");
        assert_eq!((&rows["missing_in_target"], &rows["missing_in_source"]), (&1.into(), &1.into()), "{keyed:#}");
        let whole = tieout.run(diff).exits(1).rule("diff");
        let rows = &whole["rows"];
        assert_eq!((&rows["equal"], &rows["missing_in_target"]), (&1.into(), &3.into()), "{strategy}: {whole:#}");
        assert_eq!(rows["missing_in_source"], 2, "{strategy}: {whole:#}");
    }
    // Each of them as the key.
    for name in names {
        let key = format!("--key={name}");
        let finished = tieout.run(["diff", "a.csv", "b.csv", "--format=json", &key]).exits(1);
        assert_eq!(finished.rule("diff")["rows"]["missing_in_target"], 3, "{name}: {}", finished.stdout);
    }
}
