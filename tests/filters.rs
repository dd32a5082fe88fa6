//! A filter that an unreadable cell leaves open drops no row unseen: a doubt is a divergence, never a match.

use crate::support::tieout::Tieout;

fn tables(declared: &str) -> Tieout {
    let tieout = Tieout::new();
    tieout.file("s.csv", "id,amount,note\n1,100,a\n2,abc,b\n3,5,c\n4,,d\n");
    tieout.parquet("t.parquet", "id:int64, amount:int64, note:utf8\n1 | 100 | a\n2 | 50 | b\n3 | 6 | c\n4 | NULL | d");
    tieout.file(
        "tieout.yaml",
        &format!(
            "datasets:\n  s: {{csv: {{path: s.csv{declared}}}}}\n  t: {{parquet: t.parquet}}\nrules:\n  \
             both: {{source: s, target: t, key: id, where: amount > 60}}\n  \
             ignored: {{source: s, target: t, key: id, where: amount > 60, columns: {{amount: {{ignore: true}}}}}}\n"
        ),
    );
    tieout
}

#[test]
fn a_row_that_a_filter_cannot_judge_stays() {
    for declared in ["", ", columns: {amount: int}"] {
        for strategy in ["digest", "join", "merge", "bytes"] {
            let ran = tables(declared).run(["run", "--format", "json", "--strategy", strategy]).exits(1);
            for rule in ["both", "ignored"] {
                let rule = ran.rule(rule);
                // Row 2 stays; row 3 is left out, and so is row 4, whose amount is NULL and no doubt.
                assert_eq!(rule["rows"]["source"], 2, "{rule}");
                assert_eq!(
                    (&rule["rows"]["equal"], &rule["rows"]["missing_in_target"]),
                    (&1.into(), &1.into()),
                    "{rule}"
                );
            }
        }
    }
}

#[test]
fn so_does_one_that_the_sides_own_filter_cannot_judge() {
    let tieout = tables(", columns: {amount: int}");
    let args = ["diff", "s.csv", "t.parquet", "-k", "id", "--source-option", "columns.amount=int"];
    let filters = ["--source-where", "amount > 60", "--target-where", "amount > 60", "--format", "json"];
    let rule = tieout.run(args.iter().chain(&filters)).exits(1).rule("diff");
    assert_eq!((&rule["rows"]["equal"], &rule["rows"]["missing_in_target"]), (&1.into(), &1.into()), "{rule}");
}
