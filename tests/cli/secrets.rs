//! What came out of the environment, and what a URL carries of it, appears nowhere: no output, log, record, table or error.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::bad_input::tree;
use crate::support::tieout::{Finished, Tieout};

const SECRET: &str = "hunter2-s3cret";

/// A server that gives one CSV file to everybody who knows the password; gives its port.
fn server(csv: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut request = Vec::new();
                let mut part = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut part) {
                        Ok(n) if n > 0 => request.extend(&part[..n]),
                        _ => return,
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let known = request.contains(SECRET) && request.to_lowercase().contains("authorization: basic ");
                let (status, body) = if known { ("200 OK", csv) } else { ("403 Forbidden", "no") };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nLast-Modified: Mon, 05 Jan 2026 10:00:00 GMT\r\n\
                     Connection: close\r\n\r\n",
                    body.len()
                );
                let body = if request.starts_with("HEAD") { "" } else { body };
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
            });
        }
    });
    port
}

#[track_caller]
fn clean(tieout: &Tieout, finished: &Finished) {
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!said.contains(SECRET), "{said}");
    for (name, bytes) in tree(tieout.dir()) {
        let found = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!found && !name.contains(SECRET), "{name} holds the secret");
    }
}

#[test]
fn of_a_url_and_the_environment() {
    let port = server("id,name\n1,Ann\n2,Bob\n");
    let tieout = Tieout::new().env("PASSWORD", SECRET).env("PORT", port.to_string());
    tieout.file("b.csv", "id,name\n1,Ann\n2,Rob\n");
    tieout.file(
        "tieout.yaml",
        "\
params: {who: {text: \"${PASSWORD}\"}}
datasets:
  a: {csv: {path: \"http://me:${PASSWORD}@127.0.0.1:${PORT}/a.csv?sig=${PASSWORD}\"}}
  gone: {csv: {path: \"http://me:${PASSWORD}@127.0.0.1:1/a.csv?sig=${PASSWORD}\"}}
  b: {csv: {path: b.csv}}
rules:
  people: {source: a, target: b, key: [id]}
  lost: {source: gone, target: b, key: [id]}
",
    );
    tieout.file("queries/who.sql", "-- key: id\nSELECT id FROM b WHERE name <> $who\n");
    let url = format!("http://me:{SECRET}@127.0.0.1:{port}/a.csv?sig={SECRET}");
    let gone = format!("http://me:{SECRET}@127.0.0.1:1/a.csv?sig={SECRET}");
    for (args, code) in [
        (vec!["run", "people", "who", "-vv"], 1),
        (vec!["run", "people", "--format", "json"], 1),
        (vec!["run", "people", "who", "--explain"], 0),
        (vec!["run", "people", "who", "--explain", "--format", "json", "-vv"], 0),
        (vec!["diff", &url, "b.csv", "-k", "id", "--explain"], 0),
        (vec!["run", "lost", "--explain"], 2),
        (vec!["run", "lost", "-vv"], 2),
        (vec!["run", "lost", "--format", "json"], 2),
        (vec!["check", "-vv"], 0),
        (vec!["check", "--online"], 2),
        (vec!["compile", "people"], 0),
        (vec!["compile", "people", "--portable"], 0),
        (vec!["compile", "who"], 0),
        (vec!["sql", "SELECT * FROM a"], 0),
        (vec!["sql", "SELECT * FROM gone"], 2),
        (vec!["sql", "EXPLAIN SELECT * FROM a"], 0),
        (vec!["sql", "SELECT source_inputs, target_inputs, notes FROM runs", "--format", "json"], 0),
        (vec!["diff", &url, "b.csv", "-k", "id", "-vv", "--out", "out"], 1),
        (vec!["diff", &url, "b.csv", "-k", "id", "--format", "json"], 1),
        (vec!["diff", &gone, "b.csv", "-k", "id"], 2),
        (vec!["diff", &url, &url, "-k", "id"], 0),
    ] {
        let finished = tieout.run(&args).exits(code);
        clean(&tieout, &finished);
    }
}
