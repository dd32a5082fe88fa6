//! `tieout report`: what it writes and where, and what it says. What it is in a browser: `browser`.

mod browser;

use std::path::PathBuf;

use crate::support::tieout::Tieout;

const DATASETS: &str = "s: {csv: {path: s.csv, columns: {id: int}}}\n  t: {csv: {path: t.csv, columns: {id: int}}}";

/// A project of these rules over `s.csv` and `t.csv`.
fn project(tieout: &Tieout, rules: &str) {
    tieout.file("tieout.yaml", &format!("datasets:\n  {DATASETS}\nrules:\n  {rules}\n"));
}

fn csv(tieout: &Tieout, source: &str, target: &str) {
    tieout.file("s.csv", &format!("id,v\n{source}\n"));
    tieout.file("t.csv", &format!("id,v\n{target}\n"));
}

/// A run of the project; the answer is its id.
fn run(tieout: &Tieout, code: i32) -> String {
    tieout.run(["run", "--format", "json"]).exits(code).json()["run_id"].as_str().unwrap().to_string()
}

/// Three runs of one rule: 2 is mended and broken again, 3 is missing all the time.
fn three_runs(tieout: &Tieout) -> Vec<String> {
    project(tieout, "orders: {source: s, target: t, key: id}");
    let all = "1,ada\n2,ben\n3,cleo";
    ["1,ada\n2,bob", "1,ada\n2,ben", "1,ada\n2,bill\n4,dan"]
        .map(|target| {
            csv(tieout, all, target);
            run(tieout, 1)
        })
        .into()
}

fn html(tieout: &Tieout, args: &[&str]) -> String {
    tieout.run(["report", "-o", "-"].iter().chain(args)).exits(0).stdout
}

fn markdown(tieout: &Tieout, args: &[&str]) -> String {
    tieout.run(["report", "--format", "markdown"].iter().chain(args)).exits(0).stdout
}

#[test]
fn markdown_for_a_pull_request() {
    let tieout = Tieout::new();
    let runs = three_runs(&tieout);
    let told = markdown(&tieout, &[]).replace(&runs[2], "RUN").replace(tieout.dir().to_str().unwrap(), "DIR");
    // The last line tells when, and the hash of an entry; ages are others each time.
    let told: Vec<&str> = told
        .lines()
        .filter(|line| !line.starts_with("shown ") && !line.contains("ago") && !line.contains("the oldest for"))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    <!-- tieout report -->
    ## ≠ tieout: DIVERGED


    | rule | outcome | | divergences | trend | open | oldest | last run |
    |---|---|---|--:|---|--:|--:|--:|

    ### `orders`: DIVERGED

    1 of 3 rows equal (33.33 %). Guarantee digest128: rows that agree were found by digests of 128 bits; every divergence was verified value by value.

    | kind | divergences | which is |
    |---|--:|---|
    | `value_mismatch` | 1 | on both sides, with values that differ |
    | `missing_in_target` | 1 | only in the source |
    | `missing_in_source` | 1 | only in the target |

    | column | differs in | of all pairs |
    |---|--:|--:|
    | `v` | 1 | 50.00 % |

    All 3 divergences:

    | `id` | kind | state | column | source | target |
    |---|---|---|---|---|---|
    | `2` | value_mismatch | reopened | `v` | `'ben'` | `'bill'` |
    | `3` | missing_in_target | persisting | *whole row* | `v 'cleo'` | *missing* |
    | `4` | missing_in_source | new | *whole row* | *missing* | `v 'dan'` |

    All of them: `tieout sql "SELECT * FROM divergences.orders WHERE run_id = 'RUN'"`
    "#);
}

#[test]
fn a_run_of_the_past_is_shown_as_things_were_then() {
    let tieout = Tieout::new();
    let runs = three_runs(&tieout);
    let second = markdown(&tieout, &[&runs[1]]);
    assert!(second.contains("1 divergence was open"), "{second}");
    assert!(second.contains("| `3` | missing_in_target | persisting |"), "{second}");
    assert!(!second.contains("reopened") && !second.contains("resolved |"), "{second}");
    assert!(second.contains(&format!("run_id = '{}'", runs[1])), "{second}");
    let last = markdown(&tieout, &["orders"]);
    assert!(last.contains("| `2` | value_mismatch | reopened | `v` | `'ben'` | `'bill'` |"), "{last}");
    // As much of the id as no other run has is enough.
    let shared = |other: &String| runs[1].bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let enough = &runs[1][..shared(&runs[0]).max(shared(&runs[2])) + 1];
    assert!(markdown(&tieout, &[enough]).contains(&format!("run_id = '{}'", runs[1])));
}

#[test]
fn counts_are_those_of_the_run_whatever_is_shown() {
    let tieout = Tieout::in_example("quickstart");
    let summary = tieout.run(["run", "--format", "json"]).exits(1).json();
    let page = html(&tieout, &["--limit", "1"]);
    for rule in summary["rules"].as_array().unwrap() {
        let name = rule["rule"].as_str().unwrap();
        let section = page.split("<section").find(|section| section.contains(&format!("<bdi>{name}</bdi></h2>")));
        let section = section.unwrap_or_else(|| panic!("no section of {name}"));
        for kind in ["value_mismatch", "missing_in_target", "missing_in_source", "duplicate_key", "rule_violation"] {
            let n = rule["rows"][kind].as_u64().unwrap_or(0);
            let row = format!("<th scope=\"row\" class=\"code\">{kind}</th><td class=\"n\">{n}</td>");
            assert_eq!(section.contains(&row), n > 0, "{kind} of {name}: {n}");
        }
        assert_eq!(section.matches("<tbody data-kind").count(), 1, "one row of {name}");
    }
    // Every input is named as it was pinned, and the SQL that ran is there.
    assert!(page.contains("bank&#x2f;2026-03-first.csv") && page.contains("-- rule bank_statement"), "{page}");
    assert!(!page.contains("The rule was changed"), "{page}");
}

#[test]
fn where_it_is_written() {
    let tieout = Tieout::new();
    let runs = three_runs(&tieout);
    let there = |name: &str| tieout.path(name).exists();
    let wrote = |args: &[&str]| tieout.run(["report"].iter().chain(args)).exits(0).stdout;
    assert!(wrote(&[]).starts_with("wrote tieout-report.html, "));
    assert!(wrote(&["orders"]).starts_with("wrote tieout-report-orders.html, "));
    assert!(wrote(&[&runs[0]]).starts_with(&format!("wrote tieout-report-{}.html, ", runs[0])));
    // A report is replaced, by any other; a file that is none is not.
    let before = std::fs::read_to_string(tieout.path("tieout-report.html")).unwrap();
    wrote(&["orders", "-o", "tieout-report.html"]);
    assert_ne!(std::fs::read_to_string(tieout.path("tieout-report.html")).unwrap(), before);
    wrote(&["--format", "markdown", "-o", "tieout-report.html"]);
    wrote(&["-o", "tieout-report.html"]);
    let told = tieout.run(["report", "-o", "s.csv"]).exits(2).stderr;
    assert!(told.contains("s.csv is there, and is no report of tieout's"), "{told}");
    assert!(std::fs::read_to_string(tieout.path("s.csv")).unwrap().starts_with("id,v"));
    let told = tieout.run(["report", "-o", "out"]).exits(2).stderr;
    assert!(told.contains("out is there, and is no file"), "{told}");
    let told = tieout.run(["report", "-o", "nowhere/r.html"]).exits(2).stderr;
    assert!(told.contains("the report nowhere/r.html cannot be written"), "{told}");
    assert!(!there("nowhere"));
    // By the ending of the file.
    wrote(&["-o", "r.md"]);
    assert!(
        std::fs::read_to_string(tieout.path("r.md"))
            .unwrap()
            .starts_with("<!-- tieout report -->\n## ≠ tieout: DIVERGED")
    );
    let files = std::fs::read_dir(tieout.dir()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = files.filter(|name| name.starts_with(".tieout-report")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_is_not_there() {
    let tieout = Tieout::new();
    project(&tieout, "orders: {source: s, target: t, key: id}\n  refunds: {source: s, target: t, key: id}");
    csv(&tieout, "1,a", "1,a");
    let told = markdown(&tieout, &[]);
    assert!(told.contains("nothing ran") && told.contains("Never ran: `orders`, `refunds`"), "{told}");
    let told = tieout.run(["report", "order"]).exits(2).stderr;
    assert!(told.contains("did you mean `orders`?"), "{told}");
    let told = tieout.run(["report", "orders"]).exits(2).stderr;
    assert!(told.contains("the rule `orders` never ran"), "{told}");
    let told = tieout.run(["report", "01987b2e-5a4f"]).exits(2).stderr;
    assert!(told.contains("there is no run `01987b2e-5a4f`"), "{told}");
    assert!(!tieout.path("tieout-report.html").exists());
    tieout.run(["run", "orders", "-q"]).exits(0);
    let told = markdown(&tieout, &[]);
    assert!(told.contains("No divergence is open.") && told.contains("Never ran: `refunds`"), "{told}");
    // Without a project, all that ran.
    let told = markdown(&Tieout::new(), &["--out", tieout.path("out").to_str().unwrap()]);
    assert!(told.contains("| `orders` | ✓ reconciled"), "{told}");
}

/// A table that was removed is no reason to keep silent about the rest.
#[test]
fn a_table_that_is_gone() {
    let tieout = Tieout::new();
    three_runs(&tieout);
    std::fs::remove_dir_all(tieout.path("out/divergences")).unwrap();
    let told = html(&tieout, &[]);
    assert!(told.contains("The table of the run is no longer there."), "{told}");
    assert!(told.contains("<td class=\"n\">1</td>"), "{told}");
    assert!(!told.contains("<h3>Causes</h3>"), "{told}");
}

/// None are asked for: that is no reason to say that there are none.
#[test]
fn no_divergence_shown() {
    let tieout = Tieout::new();
    three_runs(&tieout);
    let told = html(&tieout, &["--limit", "0"]);
    assert!(!told.contains("no longer there") && told.contains("All of them, exactly"), "{told}");
    assert!(!told.contains("<tbody data-kind"), "{told}");
}

#[test]
fn what_is_acknowledged() {
    let tieout = Tieout::new().env("TIEOUT_ACTOR", "<u>eve</u>");
    project(&tieout, "orders: {source: s, target: t, key: id}");
    csv(&tieout, "1,a\n2,b", "1,x\n2,b");
    run(&tieout, 1);
    let note = "known | <b>see</b> @everyone";
    tieout.run(["ack", "--rule", "orders", "--where", "id = 1", "--note", note, "--until", "2099-12-31"]).exits(0);
    run(&tieout, 0);
    let page = html(&tieout, &[]);
    assert!(page.contains("1 of 2 rows equal (50.00 %), 1 acknowledged.") && !page.contains("within the error budget"));
    assert!(page.contains("&lt;b&gt;see&lt;") && page.contains("2099-12-31") && !page.contains("<b>see"), "{page}");
    let told = markdown(&tieout, &[]);
    assert!(told.contains("1 of 1 in force") && !told.contains("<b>see") && !told.contains(" @everyone,"), "{told}");
    assert!(told.contains("`<u>eve</u>`"), "{told}");
}

#[test]
fn what_is_expired() {
    let tieout = Tieout::new();
    let runs = three_runs(&tieout);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    tieout.run(["expire", "--keep", "1s", "-q"]).exits(0);
    let told = html(&tieout, &[]);
    assert!(told.contains("class=\"expired\"") && told.contains("its table is no longer kept"), "{told}");
    assert!(told.contains("data-kind=\"value_mismatch\""), "the last run keeps its table: {told}");
    let first = html(&tieout, &[&runs[0]]);
    assert!(first.contains("The table of the run is no longer there."), "{first}");
}

#[test]
fn a_run_that_was_stopped_and_a_rule_that_changed() {
    let tieout = Tieout::new();
    project(&tieout, "orders: {source: s, target: t, key: id}");
    csv(&tieout, "1,a\n2,b", "1,x\n2,y");
    tieout.run(["run", "--max-divergences", "1", "-q"]).exits(1);
    project(&tieout, "orders: {source: s, target: t, key: id, where: id > 0}");
    let told = html(&tieout, &[]);
    assert!(told.contains("stopped by <bdi>max_divergences</bdi>"), "{told}");
    assert!(told.contains("A limit stopped a run: what it did not look at is not proven."), "{told}");
    assert!(told.contains("The rule was changed after this run"), "{told}");
}

/// Neither what was recorded nor what goes wrong now shows a password.
#[test]
fn no_secret_is_shown() {
    let tieout = Tieout::new();
    three_runs(&tieout);
    let dataset =
        "s: {postgres: {url: \"postgres://ada:s3cr3t-w0rd@127.0.0.1:1/db\", table: orders}}\n  t: {csv: t.csv}";
    let rule = "orders: {source: s, target: t, key: id}";
    tieout.file("tieout.yaml", &format!("datasets:\n  {dataset}\nrules:\n  {rule}\n"));
    let told = html(&tieout, &[]);
    assert!(told.contains("It could not be compiled now"), "{told}");
    assert!(!told.contains("s3cr3t-w0rd"), "{told}");
}

/// What is shown is some of every kind, however rare; the page does not grow with the rows or the columns.
#[test]
fn many_rows_and_many_columns() {
    let tieout = Tieout::new();
    let row = |id: usize, value: &str| format!("{id}{}\n", format!(",{value}").repeat(500));
    let head = format!("id{}\n", (0..500).map(|n| format!(",column_{n}")).collect::<String>());
    let side =
        |value: &str, rows: std::ops::Range<usize>| head.clone() + &rows.map(|id| row(id, value)).collect::<String>();
    std::fs::write(tieout.path("s.csv"), side("a", 0..700)).unwrap();
    std::fs::write(tieout.path("t.csv"), side("b", 0..699)).unwrap();
    project(&tieout, "wide: {source: s, target: t, key: id}");
    run(&tieout, 1);
    let path = tieout.path("r.html");
    tieout.run(["report", "-o", "r.html"]).exits(0);
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.contains("500 of 700 divergences") && page.contains("data-kind=\"missing_in_target\""));
    assert!(page.contains("480 more columns differ") && page.contains("440 columns differ less"));
    assert!(page.len() < 8 << 20, "{} bytes", page.len());
}

/// Texts that would be markup, in HTML or Markdown, wherever they come to stand.
fn hostile(tieout: &Tieout) -> PathBuf {
    let evil = [
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(2)</script>",
        "\"\"><svg onload=alert(3)>",
        "' onmouseover='alert(4)",
        "{{ 7 * 7 }}{% for x in y %}",
        "&lt;b&gt;&#60;",
        "`tick` | pipe | @everyone [x](https://evil.example) #1",
        "\u{202e}gnp.exe\u{2066}",
        "\u{1b}[31mred\u{7}",
        "</title></style><style>*{display:none}</style>",
        "--> <!--",
        "javascript:alert(5)",
        "<iframe src=https://evil.example></iframe>",
    ];
    let column = "<b onclick=alert(6)>c|`</b>";
    let (mut source, mut target) = (format!("id,\"{column}\",long\n"), format!("id,\"{column}\",long\n"));
    for (id, text) in evil.iter().enumerate() {
        source.push_str(&format!("\"{id:02}{text}\",\"{text}\",{}\n", "x".repeat(5000)));
        target.push_str(&format!("\"{id:02}{text}\",\"{text}!\",{}y\n", "x".repeat(5000)));
        source.push_str(&format!("\"{id:02}only{text}\",\"{text}\",\n"));
    }
    std::fs::write(tieout.path("s.csv"), source).unwrap();
    std::fs::write(tieout.path("t.csv"), target).unwrap();
    tieout.file(
        "tieout.yaml",
        "datasets:\n  s: {csv: s.csv}\n  t: {csv: t.csv}\nrules:\n  odd: {source: s, target: t, key: id, owner: \"<u>ada</u>\"}\n",
    );
    tieout.file("queries/evil.sql", &format!("-- key: id\nSELECT id, long AS \"{column}\" FROM s LIMIT 5\n"));
    run(tieout, 1);
    tieout.run(["report", "-o", "r.html"]).exits(0);
    tieout.path("r.html")
}

#[test]
fn markdown_has_no_marks_but_its_own() {
    let tieout = Tieout::new();
    hostile(&tieout);
    let told = markdown(&tieout, &["--limit", "100"]);
    for line in told.lines() {
        // All that is not ours stands in code; what is left has none of it.
        let (mut bare, mut rest) = (String::new(), line);
        while let Some(at) = [rest.find('`'), rest.find("<code>")].into_iter().flatten().min() {
            let quotes = rest[at..].chars().take_while(|c| *c == '`').count();
            let (begin, end) = match quotes {
                0 => ("<code>".len(), "</code>".to_string()),
                n => (n, "`".repeat(n)),
            };
            bare.push_str(&rest[..at]);
            let code = &rest[at + begin..];
            // Of back quotes, only as many as began it end it.
            let ends =
                |found: usize| quotes == 0 || !code[..found].ends_with('`') && !code[found + quotes..].starts_with('`');
            let found = code.match_indices(&end).map(|(found, _)| found).find(|found| ends(*found));
            let found = found.unwrap_or_else(|| panic!("code is not closed: {line}"));
            assert!(!code[..found].contains('|'), "a bar ends the cell: {line}");
            rest = &code[found + end.len()..];
        }
        bare.push_str(rest);
        for mark in ["alert", "@everyone", "evil", "<img", "<b", "<script", "<u>", "\u{202e}", "\u{1b}"] {
            assert!(!bare.contains(mark), "{mark} in {bare}\n{line}");
        }
        if line.starts_with('|') && line.contains("odd") {
            assert_eq!(bare.matches('|').count(), 9, "{line}");
        }
    }
    assert!(told.contains("alert"), "{told}");
}
