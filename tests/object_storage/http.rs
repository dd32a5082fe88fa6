//! One file over HTTP, from servers that know ranges and that do not.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::{SOURCE, TARGET};
use crate::support::python;
use crate::support::tieout::Tieout;

const SERVER: &str = r#"
import http.server
import os
import re
import sys

RANGES = sys.argv[1] == "ranges"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        path = os.path.join(sys.argv[2], self.path.split("?")[0].lstrip("/"))
        if not os.path.isfile(path):
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = open(path, "rb").read()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if RANGES and wanted:
            start, end = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
            data = data[start : end + 1]
        else:
            self.send_response(200)
        if RANGES:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn of(kind: &str, tieout: &Tieout) -> Self {
        let mut child =
            python::python().args(["-c", SERVER, kind]).arg(tieout.dir()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, url: format!("http://127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn files() -> Tieout {
    let tieout = Tieout::new();
    tieout.parquet("s.parquet", SOURCE);
    tieout.parquet("t.parquet", TARGET);
    tieout.file("s.csv", "id,v\n1,a\n2,b\n3,c\n");
    tieout.file("t.csv", "id,v\n1,a\n2,x\n4,d\n");
    tieout
}

#[track_caller]
fn differs(tieout: &Tieout, source: &str, target: &str) {
    let run = tieout.run(["diff", source, target, "--key", "id", "--format", "json"]).exits(1);
    let rows = &run.rule("diff")["rows"];
    for count in ["equal", "value_mismatch", "missing_in_target", "missing_in_source"] {
        assert_eq!(rows[count], 1, "{count} of {target}");
    }
    assert!(!run.stdout.contains("very-secret") && !run.stderr.contains("very-secret"), "{}", run.stdout);
}

#[test]
fn with_ranges() {
    let tieout = files();
    let server = Server::of("ranges", &tieout);
    let url = |name: &str| format!("{}/{name}", server.url);
    for target in ["t.parquet", "t.csv", "t.csv?token=very-secret"] {
        differs(&tieout, &url("s.parquet"), &url(target));
    }
    let gone = tieout.run(["diff", &url("s.parquet"), &url("none.csv"), "--key", "id"]).exits(2);
    assert!(gone.stderr.contains("none.csv"), "{}", gone.stderr);
}

/// A small file is fetched whole.
#[test]
fn without_ranges() {
    let tieout = files();
    let server = Server::of("whole", &tieout);
    let url = |name: &str| format!("{}/{name}", server.url);
    for target in ["t.parquet", "t.csv"] {
        differs(&tieout, &url("s.parquet"), &url(target));
        differs(&tieout, &url("s.csv"), &url(target));
    }
}
