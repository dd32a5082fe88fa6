//! What a location on S3 may name, and inputs that are not there or change.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use super::{Bucket, DIFFERS, SOURCE};
use crate::support::tieout::Finished;

#[test]
fn one_object_each() {
    let bucket = Bucket::new();
    bucket.project();
    let run = bucket.tieout.run(["run", "--format", "json"]).exits(1);
    assert!(run.rule("r")["divergences"].as_str().unwrap().starts_with(&bucket.url("out/divergences/rule=r/run=")));
    assert_eq!(bucket.kinds(), DIFFERS);
}

#[test]
fn prefixes_globs_partitions_and_compressed_csv() {
    let bucket = Bucket::new();
    let gzip = |text: &str| {
        let mut child = Command::new("gzip")
            .arg("-c")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap().stdout
    };
    bucket.parquet("in/day=2026-01-01/a.parquet", "id:int64, v:utf8\n1 | a\n2 | b");
    bucket.parquet("in/day=2026-01-02/b.parquet", "id:int64, v:utf8\n3 | c");
    bucket.weed.put(&bucket.name, "in/_temporary/x.parquet", "no Parquet");
    bucket.weed.put(&bucket.name, "csv/1.csv.gz", gzip("id,v,day\n1,a,2026-01-01\n2,x,2026-01-01\n"));
    bucket.weed.put(&bucket.name, "csv/2.csv.gz", gzip("id,v,day\n4,d,2026-01-02\n"));
    let (prefix, glob) = (bucket.url("in/"), bucket.url("csv/*.csv.gz"));
    bucket.yaml(&format!("s: {{parquet: {{path: '{prefix}'}}}}\n  t: {{csv: {{path: '{glob}'}}}}"));
    bucket.tieout.run(["run"]).exits(1);
    assert_eq!(bucket.kinds(), DIFFERS);

    let rows =
        bucket.tieout.run(["sql", "--format", "csv", "SELECT day, count(*) AS n FROM s GROUP BY day ORDER BY day"]);
    assert_eq!(rows.exits(0).stdout, "day,n\n2026-01-01,2\n2026-01-02,1\n");
    // A folder with a foreign object is refused, and the object named.
    bucket.weed.put(&bucket.name, "csv/x.parquet", "no CSV");
    let folder = bucket.url("csv/");
    bucket.yaml(&format!("s: {{parquet: {{path: '{prefix}'}}}}\n  t: {{csv: {{path: '{folder}'}}}}"));
    let found = bucket.tieout.run(["run"]).exits(2);
    assert!(found.stderr.contains("csv/x.parquet does not look like CSV"), "{}", found.stderr);
}

#[test]
fn nothing_there() {
    let bucket = Bucket::new();
    bucket.project();
    let (there, prefix) = (bucket.url("in/s.parquet"), bucket.url("in/none/"));
    for (gone, said) in [
        (bucket.url("in/none.parquet"), "in/none.parquet"),
        (prefix, "in/none/"),
        (bucket.url("in/*.csv"), "in/*.csv"),
        ("s3://tieout-no-such-bucket/a.parquet".to_string(), "tieout-no-such-bucket"),
    ] {
        let found = bucket.tieout.run(["diff", &there, &gone, "--key", "id"]).exits(2);
        assert!(found.stderr.contains(said), "{gone}: {}", found.stderr);
    }
}

/// Between the server and the program: once the first ranges of the target have been read, the object is another one.
#[test]
fn an_object_that_changes_while_it_is_read() {
    let bucket = Bucket::new();
    bucket.project();
    let endpoint = bucket.weed.endpoint();
    let server = endpoint.trim_start_matches("http://").to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (name, other) = (bucket.name.clone(), std::fs::read(bucket.tieout.parquet("o.parquet", SOURCE)).unwrap());
    assert_ne!(other, bucket.weed.get(&name, "in/t.parquet"));
    let weed = bucket.weed;
    std::thread::spawn(move || {
        let mut replaced = false;
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let head = head(&mut client);
            // The target's listing has been answered by then, so that it is pinned.
            if !replaced && head.starts_with(&format!("GET /{name}/in/t.parquet")) {
                weed.put(&name, "in/t.parquet", other.clone());
                replaced = true;
            }
            forward(client, head, &server);
        }
    });
    let mut command = bucket.tieout.command(["run"]);
    command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    let finished = Finished::of(command, None).exits(2);
    assert!(finished.stderr.contains("in/t.parquet changed while it was read"), "{}", finished.stderr);
    assert!(bucket.weed.list(&bucket.name, "out/runs").is_empty());
    assert!(bucket.weed.list(&bucket.name, "out/divergences").is_empty());
}

/// Up to the blank line; the program sends reads only, which have no body, but for what it writes.
fn head(client: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// One request a connection.
fn forward(mut client: TcpStream, head: String, server: &str) {
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).unwrap();
    let mut upstream = TcpStream::connect(server).unwrap();
    let once = head.trim_end().to_string() + "\r\nconnection: close\r\n\r\n";
    upstream.write_all(once.as_bytes()).unwrap();
    upstream.write_all(&body).unwrap();
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).unwrap();
    let _ = client.write_all(&answer);
}
