//! Bad input: what is said, and what to do; exit 2, nothing written, and no secret anywhere.

use super::tie::Pair;
use crate::support::postgres::{PASSWORD, Postgres, USER};
use crate::support::tieout::Tieout;

fn pair() -> Pair {
    Pair::new(
        "CREATE TABLE t (id int, amount numeric(12,2)); INSERT INTO t VALUES (1, 2.5);
         CREATE SCHEMA sales; CREATE TABLE sales.orders (id int); CREATE TABLE \"Customers\" (id int); CREATE VIEW lines AS TABLE t;",
    )
}

#[test]
fn what_cannot_be_connected_to() {
    let pair = pair();
    let port = Postgres::shared().port();
    let name = pair.database.name();
    let there = format!("127.0.0.1:{port}");
    let cases = [
        (
            format!("postgres://{USER}:guessed@{there}/{name}?table=t"),
            format!("cannot connect to postgres://{there}/{name}: password authentication failed for user \"{USER}\""),
            "check the user and the password in the URL".to_string(),
        ),
        (
            format!("postgres://nobody:guessed@{there}/{name}?table=t"),
            format!("cannot connect to postgres://{there}/{name}: password authentication failed for user \"nobody\""),
            "check the user and the password in the URL".into(),
        ),
        (
            format!("postgres://{USER}@{there}/{name}?table=t"),
            format!("cannot connect to postgres://{there}/{name}: password missing"),
            "put the password into the URL, or into PGPASSWORD".into(),
        ),
        (
            format!("postgres://{USER}:{PASSWORD}@{there}/nothing?table=t"),
            format!("cannot connect to postgres://{there}/nothing: database \"nothing\" does not exist"),
            "check the name of the database in the URL".into(),
        ),
        (
            format!("postgres://{USER}:{PASSWORD}@{there}/{name}?table=t&options=-c%20nothing.is=1%20-c%20nothing=1"),
            format!("cannot connect to postgres://{there}/{name}: unrecognized configuration parameter \"nothing\""),
            "check the parameters of the URL".into(),
        ),
        (
            format!("postgres://{USER}:{PASSWORD}@127.0.0.1:1/{name}?table=t"),
            format!("cannot connect to postgres://127.0.0.1:1/{name}: Connection refused (os error 111)"),
            "see that the server runs and can be reached, and try again".into(),
        ),
        (
            format!("postgres://{USER}:{PASSWORD}@no.such.host.invalid/{name}?table=t"),
            format!("cannot connect to postgres://no.such.host.invalid/{name}: failed to lookup address information: "),
            "check the host in the URL".into(),
        ),
    ];
    for (url, message, hint) in cases {
        let (said, told) = pair.fails(&url, "t", &["--key", "id"]);
        assert!(said.starts_with(&message), "{said}\n{message}");
        assert_eq!(told, hint, "{said}");
    }
}

#[test]
fn what_is_no_url() {
    let pair = pair();
    let rest = "127.0.0.1:5432/db?table=t";
    let cases = [
        (format!("postgres://u:{PASSWORD}@127.0.0.1:70000/db?table=t"), "invalid port number"),
        (format!("postgres://u:{PASSWORD}@127.0.0.1?table=t"), "it names no database"),
        (
            format!("postgres://u:{PASSWORD}@{rest}&sslmode=yes"),
            "sslmode `yes` is none of disable, allow, prefer, require, verify-ca, verify-full",
        ),
        (format!("postgres://u:{PASSWORD}@{rest}&sslkey=a.pem"), "`sslkey` (a client's certificate) is not supported"),
        (format!("postgres://u:{PASSWORD}@{rest}&nonsense=1"), "unknown option `nonsense`"),
        (format!("postgres://u:{PASSWORD}@{rest}&connect_timeout=soon"), "invalid value for option `connect_timeout`"),
        (format!("postgres://u:{PASSWORD}@{rest}#1"), "a `#` in it is written as %23"),
        (format!("postgres://{rest}"), "it names no user"),
    ];
    for (url, why) in cases {
        let (said, hint) = pair.fails(&url, "t", &["--key", "id"]);
        assert!(said.contains(&format!(": {why}")), "{said}");
        assert!(hint.starts_with("write postgres://user:password@host:5432/database"), "{hint}");
    }
}

#[test]
fn what_is_not_in_the_database() {
    let pair = pair();
    let stored = "check the name: as it is stored, with its schema, such as sales.orders";
    for (name, hint) in [
        ("orders", "did you mean sales.orders?"),
        ("sales.ordres", "did you mean sales.orders?"),
        ("customers", "did you mean public.Customers?"),
        ("nothing_like_it", stored),
        ("no_schema.orders", "did you mean sales.orders?"),
        ("lins", "did you mean public.lines?"),
        ("other_db.public.t", "the server cannot do this: write it in another way"),
    ] {
        let (said, told) = pair.fails(&pair.table(name), "t", &["--key", "id"]);
        assert!(said.starts_with(&format!("the table {name} cannot be read: ")), "{said}");
        assert_eq!(told, hint, "{said}");
    }
    for (query, why, hint) in [
        ("SELECT nothing FROM t", "column \"nothing\" does not exist", "check the names of the columns"),
        (
            "SELECT * FROM nothing",
            "relation \"nothing\" does not exist",
            "check the name: as it is stored, with its schema, such as sales.orders",
        ),
        ("SELEC 1", "syntax error at or near \"1\"", "correct the query"),
        ("SELECT 1 +", "syntax error at or near \")\"", "correct the query"),
        (
            "SELECT $1::int AS id",
            "the query has a placeholder ($1), to which nobody gives a value",
            "write the value into the query",
        ),
        ("SELECT id / 0 AS id FROM t", "division by zero", "correct the query"),
        ("SELECT 'x'::int AS id", "invalid input syntax for type integer: \"x\"", "correct the query"),
    ] {
        let (said, told) = pair.fails(&pair.query(query), "t", &["--key", "id"]);
        assert!(said.contains(why), "{said}");
        assert_eq!(told, hint, "{said}");
    }
    let (said, hint) = pair.fails("t", "t", &["--key", "idd"]);
    assert!(said.starts_with("there is no key column `idd`"), "{said}");
    assert_eq!(hint, "did you mean `id`?");
    let (said, hint) = pair.fails("t", "t", &["--key", "id", "--option", "columns.amuont=text"]);
    assert!(said.starts_with("`columns:` declares \"amuont\", which "), "{said}");
    assert_eq!(hint, "did you mean \"amount\"?");
}

#[test]
fn what_one_may_not_see() {
    let pair = pair();
    let user = format!("outsider_{}", pair.database.name());
    pair.database.sql(&format!("CREATE ROLE {user} LOGIN PASSWORD 'pw'; GRANT SELECT (id) ON t TO {user}"));
    let by = |name: &str| format!("postgres://{user}:pw@{}", pair.table(name).split_once('@').unwrap().1);
    for (name, why) in [("t", "permission denied for table t"), ("sales.orders", "permission denied for schema sales")]
    {
        let (said, hint) = pair.fails(&by(name), "t", &["--key", "id"]);
        assert!(said.contains(why), "{said}");
        assert_eq!(hint, "grant the user SELECT on it, and USAGE on its schema");
    }
    // A column alone may be enough.
    let query = format!("postgres://{user}:pw@{}", pair.query("SELECT id FROM t").split_once('@').unwrap().1);
    pair.reconciled(&query, &pair.query("SELECT id FROM t"), &["--key", "id"]);
    pair.database.sql(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}

/// All that a folder holds, as text.
fn everything(dir: &std::path::Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.push_str(&everything(&path)),
            false => all.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap())),
        }
    }
    all
}

#[test]
fn a_secret_is_told_to_nobody() {
    let pair = pair();
    let there = format!("127.0.0.1:{}/{}", Postgres::shared().port(), pair.database.name());
    let secret = "not_to_be_told";
    pair.database.sql(&format!("CREATE ROLE keeper_{0} LOGIN PASSWORD '{secret}'; GRANT SELECT ON t, lines TO keeper_{0}; CREATE TABLE u AS TABLE t; UPDATE u SET amount = 3; GRANT SELECT ON u TO keeper_{0}", pair.database.name()));
    let user = format!("keeper_{}", pair.database.name());
    let urls = [
        format!("postgres://{user}:{secret}@{there}"),
        format!("postgres://{user}@{there}?password={secret}"),
        format!("postgres://{user}@{there}"),
    ];
    for url in &urls {
        let tieout = Tieout::new().env("PGPASSWORD", secret).env("URL", url);
        tieout.file(
            "tieout.yaml",
            "
            output: out
            datasets:
              a: {postgres: {url: \"${URL}\", table: t}}
              b: {postgres: {url: \"${URL}\", table: u}}
              c: {postgres: {url: \"${URL}\", table: nothing}}
              d: {postgres: {url: \"${URL}\", query: \"SELECT nonsense\"}}
              v: {sql: \"SELECT * FROM a\"}
            rules:
              ab: {source: a, target: b, key: id}
              av: {source: a, target: v, key: id}
            ",
        );
        let joined = if url.contains('?') { '&' } else { '?' };
        let (t, u) = (format!("{url}{joined}table=t"), format!("{url}{joined}table=u"));
        let missing = format!("{url}{joined}table=nothing");
        let wrong = format!("{}{joined}table=t&sslmode=verify-full", url);
        let commands: [&[&str]; 12] = [
            &["run", "-vv"],
            &["run", "-vv", "--format", "json"],
            &["run", "--explain"],
            &["run", "--explain", "--format", "json"],
            &["check", "--online", "-vv"],
            &["compile", "ab"],
            &[
                "sql",
                "-vv",
                "SELECT * FROM a, runs; EXPLAIN VERBOSE SELECT * FROM a; SELECT * FROM information_schema.tables",
            ],
            &["sql", "-vv", "SELECT * FROM d"],
            &["diff", &t, &u, "-k", "id", "-vv", "--out", "out", "--format", "json"],
            &["diff", &t, &missing, "-k", "id", "-vv", "--out", "out", "--format", "json"],
            &["diff", &wrong, &missing, "-k", "id", "-vv"],
            &["diff", &t, &u, "-k", "id", "--explain"],
        ];
        for command in commands {
            let finished = tieout.run(command);
            let said = format!("{}{}", finished.stdout, finished.stderr);
            assert!(!said.contains(secret), "{command:?}\n{said}");
            assert!(!said.contains("panicked"), "{said}");
        }
        std::fs::remove_file(tieout.path("tieout.yaml")).unwrap();
        let written = everything(tieout.dir());
        assert!(written.contains("?table=t"), "records were written");
        assert!(!written.contains(secret));
    }
    pair.database.sql(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}
