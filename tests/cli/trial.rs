//! A stranger's first hour: `tieout diff` with whatever lies around.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::bad_input::people;
use crate::support::tieout::Tieout;

#[track_caller]
fn equal(tieout: &Tieout, source: &str, target: &str) {
    let finished = tieout.run(["diff", source, target, "-k", "id"]).exits(0);
    assert!(finished.stdout.starts_with("diff: reconciled"), "{}", finished.stdout);
    assert_eq!(finished.stderr, "");
}

/// The same rows in every form that is read.
#[test]
fn forms_and_places() {
    let tieout = people();
    let csv = fs::read_to_string(tieout.path("a.csv")).unwrap();
    fs::write(tieout.path("a.tsv"), csv.replace(',', "\t")).unwrap();
    fs::write(tieout.path("crlf.csv"), csv.replace('\n', "\r\n")).unwrap();
    fs::write(tieout.path("bom.csv"), format!("\u{feff}{csv}")).unwrap();
    fs::write(tieout.path("unended.csv"), csv.trim_end()).unwrap();
    tieout.file("a.ndjson", "{\"id\":1,\"name\":\"Ann\",\"amount\":1.5}\n{\"id\":2,\"name\":\"Bob\",\"amount\":2.5}\n{\"id\":3,\"name\":\"Eve\",\"amount\":3.5}\n");
    fs::create_dir_all(tieout.path("many/2026")).unwrap();
    fs::write(tieout.path("many/1.csv"), "id,name,amount\n1,Ann,1.5\n").unwrap();
    fs::write(tieout.path("many/2026/2.csv"), "id,amount,name\n2,2.5,Bob\n3,3.5,Eve\n").unwrap();
    fs::write(tieout.path("many/_SUCCESS"), "").unwrap();
    for name in ["odd näme #1%20.csv", "it's, a=b.csv", "[x]*?.csv"] {
        fs::copy(tieout.path("a.csv"), tieout.path(name)).unwrap();
    }
    let gz = Command::new("gzip").args(["-k", "-c", "a.csv"]).current_dir(tieout.dir()).output().unwrap();
    fs::write(tieout.path("a.csv.gz"), gz.stdout).unwrap();
    let absolute = tieout.path("a.csv").display().to_string();
    let url = format!("file://{absolute}");
    for other in [
        "a.tsv",
        "crlf.csv",
        "bom.csv",
        "unended.csv",
        "a.ndjson",
        "many",
        "many/",
        "many/**/*.csv",
        "a.csv.gz",
        "odd näme #1%20.csv",
        "it's, a=b.csv",
        "[x]*?.csv",
        "./a.csv",
        &absolute,
        &url,
    ] {
        equal(&tieout, "a.csv", other);
        equal(&tieout, other, "a.csv");
    }
}

#[test]
fn over_http() {
    let tieout = people();
    let mut server = Command::new(crate::support::venv("python"))
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"])
        .current_dir(tieout.dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.as_mut().unwrap()), &mut said).unwrap();
    // "Serving HTTP on 127.0.0.1 port 43567 (http://...) ..."
    let port = said.split_whitespace().nth(5).unwrap().to_string();
    let url = |file: &str| format!("http://127.0.0.1:{port}/{file}");
    let csv = tieout.run(["diff", "a.csv", &url("a.csv"), "-k", "id"]);
    let parquet = tieout.run(["diff", "b.parquet", &url("b.parquet"), "-k", "id"]);
    let missing = tieout.run(["diff", "a.csv", &url("c.csv"), "-k", "id"]);
    server.kill().unwrap();
    server.wait().unwrap();
    csv.exits(0);
    parquet.exits(0);
    let missing = missing.exits(2).stderr;
    assert!(missing.contains(&format!("there is no object at {}", url("c.csv"))), "{missing}");
}

#[test]
fn without_a_key_rows_are_compared_whole() {
    let tieout = people();
    let rule = tieout.run(["diff", "a.csv", "b.parquet", "--format", "json"]).exits(1).rule("diff");
    assert_eq!(
        (&rule["rows"]["equal"], &rule["rows"]["missing_in_target"], &rule["rows"]["missing_in_source"]),
        (&2.into(), &1.into(), &1.into())
    );
}

/// One column, no rows, a key that repeats, names in quotes, numbers beyond every machine type.
#[test]
fn odd_tables() {
    let tieout = Tieout::new();
    let file = |name: &str, text: &str| fs::write(tieout.path(name), text).unwrap();
    file("one.csv", "id\n1\n2\n");
    tieout.run(["diff", "one.csv", "one.csv", "-k", "id"]).exits(0);
    file("less.csv", "id\n1\n");
    tieout.run(["diff", "one.csv", "less.csv", "-k", "id"]).exits(1);

    file("q1.csv", "\"a,b\",\"c=d\",e f\n1,2,3\n");
    file("q2.csv", "\"a,b\",\"c=d\",e f\n1,2.005,4\n");
    let quoted = ["diff", "q1.csv", "q2.csv", "--key", "\"a,b\"", "--tolerance", "\"c=d\"=0.01", "--ignore", "e f"];
    tieout.run(quoted).exits(0);
    tieout.run(quoted[..7].iter()).exits(1);

    file("h1.csv", "id,n\n1,123456789012345678901234567890123456789012\n");
    file("h2.csv", "id,n\n1,123456789012345678901234567890123456789013\n");
    let huge = tieout.run(["diff", "h1.csv", "h2.csv", "-k", "id"]).exits(1);
    assert!(huge.stdout.contains("123456789012345678901234567890123456789013"), "{}", huge.stdout);
    tieout.run(["diff", "h1.csv", "h1.csv", "-k", "id", "--tolerance", "n=1"]).exits(0);

    file("d1.csv", "id,n\n1,a\n1,a\n");
    file("d2.csv", "id,n\n1,a\n");
    let rule = tieout.run(["diff", "d1.csv", "d2.csv", "-k", "id", "--format", "json"]).exits(1).rule("diff");
    assert_eq!(rule["rows"]["duplicate_key"], 1);
}

/// Cells with line breaks, escapes and other scripts stay on their line and cannot steer the terminal.
#[test]
fn cells_that_would_steer_the_terminal() {
    let tieout = Tieout::new();
    let mut file = fs::File::create(tieout.path("a.csv")).unwrap();
    file.write_all("id,name\n1,\"\u{1b}[2Jline\nbreak\"\n2,東京\n".as_bytes()).unwrap();
    tieout.file("b.csv", "id,name\n1,x\n2,y\n");
    let shown = tieout.run(["diff", "a.csv", "b.csv", "-k", "id"]).exits(1).stdout;
    assert!(!shown.contains('\u{1b}') && shown.contains("line\\nbreak") && shown.contains("東京"), "{shown}");
}

/// A project is not needed, nor is one that lies there in the way.
#[test]
fn in_a_folder_with_a_broken_project() {
    let tieout = people();
    tieout.file("tieout.yaml", "nonsense: [\n");
    tieout.run(["diff", "a.csv", "b.parquet", "-k", "id"]).exits(1);
}
