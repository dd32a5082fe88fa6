//! What became of each divergence, from run to run: `history.<rule>`, and the commands that tell of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::support::data;
use crate::support::tieout::{Finished, Tieout};

/// A row of either side: id and value. Rows that stand on one side only are missing on the other.
type Side<'a> = &'a [(i64, i64)];

/// What is on the target instead of a row of the source: another value, or nothing.
type Changed<'a> = &'a [(i64, Option<i64>)];

const KEY: &str = "source: s, target: t, key: id";

fn csv(rows: Side) -> String {
    rows.iter().fold("id,v\n".to_string(), |mut text, (id, v)| {
        let _ = writeln!(text, "{id},{v}");
        text
    })
}

/// Writes both sides and a project with the one rule `name: {rule}`.
fn write(tieout: &Tieout, name: &str, rule: &str, source: Side, target: Side) {
    tieout.file("s.csv", &csv(source));
    tieout.file("t.csv", &csv(target));
    let columns = "columns: {id: int, v: int}";
    let datasets = format!("s: {{csv: {{path: s.csv, {columns}}}}}\n  t: {{csv: {{path: t.csv, {columns}}}}}");
    tieout.file("tieout.yaml", &format!("datasets:\n  {datasets}\nrules:\n  {name}: {{{rule}}}\n"));
}

/// Runs the project; the answer is the run's id.
fn run(tieout: &Tieout, more: &[&str], code: i32) -> String {
    let args = ["run", "--format", "json"];
    let summary = tieout.run(args.iter().chain(more)).exits(code).json();
    summary["run_id"].as_str().unwrap().to_string()
}

fn sql(tieout: &Tieout, query: &str) -> String {
    tieout.run(["sql", "--format", "csv", query]).exits(0).stdout
}

/// The lines of `history.r`, by key.
fn lives(tieout: &Tieout) -> String {
    sql(tieout, "SELECT id, kind, state, runs_seen AS seen, values_changed AS changed FROM history.r ORDER BY id")
}

/// The story's first runs, up to `last`; the ids of its runs.
fn story(tieout: &Tieout, last: usize) -> Vec<String> {
    const LIMIT: [&str; 2] = ["--max-divergences", "1"];
    let all: Vec<(i64, i64)> = (1..=9).map(|id| (id, 0)).collect();
    let steps: [(Changed, &str, &[&str], i32); 6] = [
        (&[(1, Some(7)), (2, None), (3, Some(7))], KEY, &[], 1),
        // 3 is resolved, 2 is of another kind.
        (&[(1, Some(7)), (2, Some(5))], KEY, &[], 1),
        // 2 is resolved, 3 is back, the value of 1 changed.
        (&[(1, Some(8)), (3, Some(7)), (4, Some(7))], KEY, &[], 1),
        // A limit stops it: nothing that it did not find is resolved.
        (&[(5, Some(7))], KEY, &LIMIT, 1),
        // Inconclusive, for one divergence is within the budget: neither.
        (&[(6, Some(7))], "source: s, target: t, key: id, allow: {rows: 5}", &LIMIT, 3),
        // 3, 4 and 6 are resolved, 2 is back.
        (&[(1, Some(8)), (2, Some(5)), (5, Some(9)), (7, None)], KEY, &[], 1),
    ];
    let mut runs = Vec::new();
    for (changed, rule, more, code) in steps.into_iter().take(last) {
        let changed: BTreeMap<i64, Option<i64>> = changed.iter().copied().collect();
        let target: Vec<(i64, i64)> =
            all.iter().filter_map(|(id, v)| Some((*id, changed.get(id).copied().unwrap_or(Some(*v))?))).collect();
        write(tieout, "r", rule, &all, &target);
        runs.push(run(tieout, more, code));
    }
    runs
}

#[test]
fn every_state_occurs() {
    let tieout = Tieout::new();
    story(&tieout, 5);
    insta::assert_snapshot!(lives(&tieout), @"
    id,kind,state,seen,changed
    1,value_mismatch,persisting,3,true
    2,value_mismatch,resolved,2,true
    3,value_mismatch,reopened,2,false
    4,value_mismatch,new,1,false
    5,value_mismatch,new,1,false
    6,value_mismatch,new,1,false
    ");
    let tieout = Tieout::new();
    let runs = story(&tieout, 6);
    insta::assert_snapshot!(lives(&tieout), @"
    id,kind,state,seen,changed
    1,value_mismatch,persisting,4,false
    2,value_mismatch,reopened,3,false
    3,value_mismatch,resolved,2,false
    4,value_mismatch,resolved,1,false
    5,value_mismatch,persisting,2,true
    6,value_mismatch,resolved,1,false
    7,missing_in_target,new,1,false
    ");
    // All else is as it was last seen, and in the order of the table.
    let query = "SELECT * EXCEPT (divergence_id, first_seen, last_seen, open_since) FROM history.r WHERE id IN (3, 7) ORDER BY id";
    assert_eq!(
        sql(&tieout, query),
        format!(
            "kind,state,runs_seen,values_changed,run_id,side,id,changed_columns,source_v,target_v,unreadable\n\
             value_mismatch,resolved,2,false,{},both,3,\"[\"\"v\"\"]\",0,7,\n\
             missing_in_target,new,1,false,{},source,7,,0,,\n",
            runs[2], runs[5]
        )
    );
    let query = "SELECT id, f.run_id = h.run_id AS once, l.run_id = h.run_id AS last FROM history.r h \
                 JOIN runs f ON f.started_at = first_seen JOIN runs l ON l.started_at = last_seen WHERE id > 5 ORDER BY id";
    assert_eq!(sql(&tieout, query), "id,once,last\n6,true,true\n7,true,true\n");
}

/// A few hundred divergences over eight runs, some of them partial, against states that are counted here.
#[test]
fn random_histories_agree_with_an_oracle() {
    for seed in [1u64, 2, 3] {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 33) % below
        };
        let tieout = Tieout::new();
        let mut offsets = vec![Some(0i64); 400];
        let mut runs: Vec<(String, bool)> = Vec::new();
        for n in 0..8 {
            for offset in &mut offsets {
                if next(3) == 0 {
                    *offset = [Some(0), Some(0), Some(1), Some(2), None][next(5) as usize];
                }
            }
            let partial = n > 0 && next(3) == 0;
            let source: Vec<(i64, i64)> = (0..400).map(|id| (id, id)).collect();
            let seen = |id: i64| !partial || id % 3 == 0;
            let target = |(id, v): &(i64, i64)| match offsets[*id as usize] {
                Some(offset) if seen(*id) => Some((*id, v + offset)),
                None if seen(*id) => None,
                _ => Some((*id, *v)),
            };
            let target: Vec<(i64, i64)> = source.iter().filter_map(target).collect();
            write(&tieout, "r", KEY, &source, &target);
            let limit: &[&str] = if partial { &["--max-divergences", "1"] } else { &[] };
            // A run that began before another one, and ended after it.
            let late = (seed == 1 && n == 5).then(|| tieout.path(&format!("out/runs/{}.parquet", runs[4].0)));
            let aside = tieout.path("aside");
            late.iter().for_each(|record| std::fs::rename(record, &aside).unwrap());
            runs.push((run(&tieout, limit, 1), !partial));
            late.iter().for_each(|record| std::fs::rename(&aside, record).unwrap());
            // Versions before did not tell what is open.
            if seed == 2 && n == 4 {
                runs.iter().for_each(|(run, _)| forget_standing(&tieout, run));
            }
            if seed == 3 && n == 4 {
                forget_standing(&tieout, &runs[4].0);
            }
            let expected = open_by_oracle(&tieout, &runs);
            assert_eq!(open_by_status(&tieout), expected, "seed {seed}, run {n}");
            let query = "SELECT count(*) AS n, min(open_since) AS since FROM history.r WHERE state <> 'resolved'";
            let told = sql(&tieout, query);
            let (count, since) = told.lines().nth(1).unwrap().split_once(',').unwrap();
            assert_eq!((count.parse().unwrap(), moment(since)), expected, "seed {seed}, run {n}, in SQL");
        }
        let query = "SELECT h.divergence_id, h.kind, state, runs_seen, values_changed, f.run_id AS f, l.run_id AS l, h.run_id \
                     FROM history.r h JOIN runs f ON f.started_at = first_seen JOIN runs l ON l.started_at = last_seen \
                     ORDER BY h.divergence_id";
        let told = sql(&tieout, query);
        let told: Vec<&str> = told.lines().skip(1).collect();
        let expected = oracle(&tieout, &runs);
        for state in ["new", "persisting", "reopened", "resolved"] {
            assert!(expected.iter().any(|line| line.contains(state)), "no {state} with seed {seed}");
        }
        assert_eq!(told, expected, "seed {seed}");
    }
}

/// As the record of a version was that did not tell what is open.
fn forget_standing(tieout: &Tieout, run: &str) {
    use datafusion::arrow::array::{RecordBatch, new_null_array};
    let path = tieout.path(&format!("out/runs/{run}.parquet"));
    let batch = data::read_parquet(&path);
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| match field.name().as_str() {
        "open" | "open_since" | "earlier_runs" => new_null_array(field.data_type(), batch.num_rows()),
        _ => column.clone(),
    });
    data::write_parquet(&path, &[RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()]);
    let _ = std::fs::remove_dir_all(tieout.path(&format!("out/open/rule=r/run={run}")));
}

fn open_by_status(tieout: &Tieout) -> (u64, String) {
    let status = tieout.run(["status", "--format", "json"]).exits(1).json();
    let rule = &status["rules"][0];
    (rule["open"].as_u64().unwrap(), moment(rule["oldest"].as_str().unwrap_or_default()))
}

/// To the millisecond, which ids of runs tell as well.
fn moment(text: &str) -> String {
    text.replace('T', " ").chars().take(23).collect()
}

/// How many are open, and since when the oldest is: from the tables, run by run.
fn open_by_oracle(tieout: &Tieout, runs: &[(String, bool)]) -> (u64, String) {
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    for (run, whole) in runs {
        let table = data::read_parquet(&tieout.path(&format!("out/divergences/rule=r/run={run}")));
        let found: BTreeSet<String> = data::rows(&table, &["divergence_id"]).into_iter().collect();
        open.retain(|id, _| !whole || found.contains(id));
        for id in found {
            open.entry(id).or_insert_with(|| run.clone());
        }
    }
    let oldest = open.values().min().map(|run| {
        let (seconds, nanos) = uuid::Uuid::parse_str(run).unwrap().get_timestamp().unwrap().to_unix();
        chrono::DateTime::from_timestamp(seconds as i64, nanos)
            .unwrap()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    });
    (open.len() as u64, moment(&oldest.unwrap_or_default()))
}

/// The same lines, from the tables of the runs.
fn oracle(tieout: &Tieout, runs: &[(String, bool)]) -> Vec<String> {
    // Of each id: the runs that saw it, with kind and values.
    let mut sightings: BTreeMap<String, Vec<(usize, String, String)>> = BTreeMap::new();
    for (n, (run, _)) in runs.iter().enumerate() {
        let table = data::read_parquet(&tieout.path(&format!("out/divergences/rule=r/run={run}")));
        let ids = data::rows(&table, &["divergence_id"]);
        let kinds = data::rows(&table, &["kind"]);
        let values = data::rows(&table, &["source_v", "target_v"]);
        for ((id, kind), values) in ids.into_iter().zip(kinds).zip(values) {
            sightings.entry(id).or_default().push((n, kind, values));
        }
    }
    let whole = |from: usize, to: usize| runs[from..to].iter().any(|(_, whole)| *whole);
    let line = |(id, seen): (String, Vec<(usize, String, String)>)| {
        let (last, kind, values) = &seen[seen.len() - 1];
        let before = seen.len().checked_sub(2).map(|at| &seen[at]);
        let state = match before {
            _ if whole(last + 1, runs.len()) => "resolved",
            None => "new",
            Some((n, ..)) if whole(n + 1, *last) => "reopened",
            Some(_) => "persisting",
        };
        let changed = before.is_some_and(|(_, _, before)| before != values);
        let (first, last) = (&runs[seen[0].0].0, &runs[*last].0);
        format!("{id},{kind},{state},{},{changed},{first},{last},{last}", seen.len())
    };
    sightings.into_iter().map(line).collect()
}

#[test]
fn names_and_types_may_be_odd() {
    let tieout = Tieout::new();
    let name = "Group.by-1_x";
    let rule = "source: s, target: t, key: [state, \"#n\"]";
    for kind in ["int32", "int64", "decimal(12,2)", "utf8"] {
        tieout.parquet("s.parquet", &format!("state:{kind}, \"#n\":int8, Runs_Seen:utf8\n7 | 1 | a"));
        tieout.parquet("t.parquet", &format!("state:{kind}, \"#n\":int8, Runs_Seen:utf8\n7 | 1 | b"));
        let datasets = "s: {parquet: {path: s.parquet}}\n  t: {parquet: {path: t.parquet}}";
        tieout.file("tieout.yaml", &format!("datasets:\n  {datasets}\nrules:\n  {name}: {{{rule}}}\n"));
        run(&tieout, &[], 1);
    }
    let table = format!("history.\"{name}\"");
    // Text is another key than a number; numbers are the same key, whatever their width. Over all runs it is read as text.
    assert_eq!(
        sql(
            &tieout,
            &format!("SELECT key_state, \"#n\", state, runs_seen, values_changed FROM {table} ORDER BY runs_seen")
        ),
        "key_state,#n,state,runs_seen,values_changed\n7,1,new,1,false\n7.00,1,resolved,3,false\n"
    );
}

/// Where two runs start at once, their ids order them.
#[test]
fn two_runs_in_one_instant() {
    use datafusion::arrow::array::{ArrayRef, RecordBatch};
    let tieout = Tieout::new();
    write(&tieout, "r", KEY, &[(1, 0), (2, 0)], &[(1, 1), (2, 0)]);
    let first = run(&tieout, &[], 1);
    write(&tieout, "r", KEY, &[(1, 0), (2, 0)], &[(1, 0), (2, 2)]);
    let second = run(&tieout, &[], 1);
    assert!(first < second);
    let record = |run: &str| tieout.path(&format!("out/runs/{run}.parquet"));
    let started: ArrayRef = data::read_parquet(&record(&first)).column_by_name("started_at").unwrap().clone();
    let batch = data::read_parquet(&record(&second));
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| match field.name().as_str() {
        "started_at" => started.clone(),
        _ => column.clone(),
    });
    data::write_parquet(&record(&second), &[RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()]);
    insta::assert_snapshot!(lives(&tieout), @"
    id,kind,state,seen,changed
    1,value_mismatch,resolved,1,false
    2,value_mismatch,new,1,false
    ");
}

/// Names of the project go before ours; without a run there is no history.
#[test]
fn what_is_not_there_or_taken() {
    let tieout = Tieout::new();
    write(&tieout, "r", KEY, &[(1, 0)], &[(1, 1)]);
    let told = tieout.run(["sql", "SELECT * FROM history.r"]).exits(2).stderr;
    assert!(told.contains("there is no table `history.r`"), "{told}");
    tieout.file(
        "tieout.yaml",
        "datasets:\n  runs: {csv: s.csv}\n  history.r: {csv: t.csv}\nrules:\n  r: {source: runs, target: history.r, key: id}\n",
    );
    run(&tieout, &[], 1);
    assert_eq!(sql(&tieout, "SELECT * FROM history.r"), "id,v\n1,1\n");
    assert_eq!(sql(&tieout, "SELECT count(*) AS n FROM divergences.r"), "n\n1\n");
    tieout.file("tieout.yaml", "datasets:\n  runs: {csv: s.csv}\n  t: {csv: t.csv}\nrules: {}\n");
    assert_eq!(sql(&tieout, "SELECT state FROM history.r"), "state\nnew\n", "`runs` is the project's");
}

fn told(tieout: &Tieout, args: &[&str]) -> Finished {
    tieout.run(args).exits(0)
}

/// Ids, times and ages, which are others each time, as `ID`, `WHEN` and `AGE`; with one blank between words, for times are not all
/// as long.
fn steady(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split_whitespace().map(steady_word).collect();
        let mut kept: Vec<&str> = Vec::new();
        for word in &words {
            match (word.as_str(), kept.last().is_some_and(|before| before.parse::<u64>().is_ok())) {
                ("s" | "min", true) => *kept.last_mut().unwrap() = "AGE",
                (word, _) => kept.push(word),
            }
        }
        out.push_str(&kept.join(" ").replace("DAY TIME", "WHEN"));
        out.push('\n');
    }
    out
}

fn steady_word(word: &str) -> String {
    let (bare, comma) = word.strip_suffix(',').map_or((word, ""), |bare| (bare, ","));
    let shaped = |like: &str| {
        bare.len() == like.len()
            && bare.bytes().zip(like.bytes()).all(|(byte, like)| match like {
                b'0' => byte.is_ascii_digit(),
                b'x' => byte.is_ascii_hexdigit(),
                like => byte == like,
            })
    };
    let shapes = [
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "ID"),
        ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ID"),
        ("0000-00-00", "DAY"),
        ("00:00:00Z", "TIME"),
    ];
    let known = shapes.into_iter().find(|(like, _)| shaped(like)).map_or(bare, |(_, name)| name);
    format!("{known}{comma}")
}

#[test]
fn the_history_of_a_rule() {
    let tieout = Tieout::new();
    let runs = story(&tieout, 6);
    insta::assert_snapshot!(steady(&told(&tieout, &["history", "r"]).stdout), @"
    r: 6 runs, 4 open

    when outcome divergences new reopened persisting resolved run
    WHEN DIVERGED 3 3 0 0 0 ID
    WHEN DIVERGED 2 0 0 2 1 ID
    WHEN DIVERGED 3 1 1 1 1 ID
    WHEN DIVERGED, stopped 1 1 0 0 0 ID
    WHEN INCONCLUSIVE, stopped 1 1 0 0 0 ID
    WHEN DIVERGED 4 1 1 2 3 ID

    open kind divergences
    new missing_in_target 1
    reopened value_mismatch 1
    persisting value_mismatch 2

    the oldest: value_mismatch ID, open since WHEN, AGE
    ");
    let json = told(&tieout, &["history", "r", "--limit", "2", "--format", "json"]).json();
    assert_eq!(json["earlier_runs"], 4);
    assert_eq!(json["runs"].as_array().unwrap().len(), 2);
    let last = &json["runs"][1];
    assert_eq!(last["run_id"], runs[5].as_str());
    let counts = ["divergences", "new", "reopened", "persisting", "resolved"].map(|name| last[name].as_u64().unwrap());
    assert_eq!(counts, [4, 1, 1, 2, 3]);
    assert_eq!(json["runs"][0]["stopped_by"], "max_divergences");
    let open: u64 = json["open"].as_array().unwrap().iter().map(|open| open["divergences"].as_u64().unwrap()).sum();
    assert_eq!(open, 4);
    let oldest = sql(
        &tieout,
        "SELECT divergence_id AS id FROM history.r WHERE state <> 'resolved' ORDER BY open_since, id LIMIT 1",
    );
    assert_eq!(json["oldest"]["divergence_id"], oldest.lines().nth(1).unwrap());
    // Without the project; and with everything gone again.
    told(&tieout, &["history", "r", "--out", "out"]);
    write(&tieout, "r", KEY, &[(1, 0)], &[(1, 0)]);
    run(&tieout, &[], 0);
    let json = told(&tieout, &["history", "r", "--format", "json"]).json();
    assert_eq!((json["open"].clone(), json["oldest"].clone()), (serde_json::json!([]), serde_json::Value::Null));
    assert_eq!(json["runs"][6]["resolved"], 4);
}

/// What is told of each run is what `history.<rule>` would say at that time.
#[test]
fn what_runs_resolved_adds_up() {
    let tieout = Tieout::new();
    for last in 1..=6 {
        let _ = std::fs::remove_dir_all(tieout.path("out"));
        story(&tieout, last);
        let json = told(&tieout, &["history", "r", "--format", "json"]).json();
        let sum =
            |name: &str| json["runs"].as_array().unwrap().iter().map(|run| run[name].as_u64().unwrap()).sum::<u64>();
        let open: u64 = json["open"].as_array().unwrap().iter().map(|open| open["divergences"].as_u64().unwrap()).sum();
        assert_eq!(sum("new") + sum("reopened") - sum("resolved"), open, "{json}");
        assert_eq!(sum("new") + sum("reopened") + sum("persisting"), sum("divergences"), "{json}");
    }
}

#[test]
fn two_runs_compared() {
    let tieout = Tieout::new();
    let runs = story(&tieout, 6);
    let compare = |first: usize, second: usize| told(&tieout, &["compare", &runs[first], &runs[second]]).stdout;
    insta::assert_snapshot!(steady(&compare(0, 1)), @"
    first ID WHEN
    second ID WHEN

    rule first second only in first only in second in both changed
    r DIVERGED DIVERGED 1 0 2 1
    ");
    insta::assert_snapshot!(steady(&compare(2, 4)), @"
    first ID WHEN
    second ID WHEN

    rule first second only in first only in second in both changed
    r DIVERGED INCONCLUSIVE 3 1 0 0

    note: not everything was looked at in both runs: r; what one did not find may be there
    ");
    let json = |first: usize, second: usize| {
        let json = told(&tieout, &["compare", &runs[first], &runs[second], "--format", "json"]).json();
        let names = ["only_in_first", "only_in_second", "in_both", "kind_changed", "values_changed", "changed"];
        names.map(|name| json["rules"][0][name].as_u64().unwrap())
    };
    assert_eq!(json(0, 1), [1, 0, 2, 1, 1, 1]);
    assert_eq!(json(1, 0), [0, 1, 2, 1, 1, 1]);
    assert_eq!(json(3, 5), [0, 3, 1, 0, 1, 1]);
}

#[test]
fn runs_go_by_what_is_enough_of_their_id() {
    let tieout = Tieout::new();
    let runs = story(&tieout, 2);
    let short = |run: &str| run[..23].to_string();
    told(&tieout, &["compare", &short(&runs[0]), &short(&runs[1]).to_uppercase()]);
    let said = |first: &str, second: &str| tieout.run(["compare", first, second]).exits(2).stderr;
    let several = said(&runs[0][..8], &runs[1]);
    assert!(several.contains(&format!("2 runs begin with `{}`", &runs[0][..8])), "{several}");
    assert!(several.contains(&format!("say which one: `{}`, `{}`", runs[0], runs[1])), "{several}");
    let little = said("0198", &runs[1]);
    assert!(little.contains("`0198` is too little of a run's id"), "{little}");
    let mut mistyped = runs[0].clone();
    mistyped.replace_range(35.., if mistyped.ends_with('0') { "1" } else { "0" });
    let near = said(&mistyped, &runs[1]);
    assert!(near.contains("there is no run") && near.contains(&format!("did you mean `{}`?", runs[0])), "{near}");
    let far = said("zzzzzzzzzz", &runs[1]);
    assert!(far.contains(&format!("the last run is `{}`", runs[1])), "{far}");
    assert!(said(&runs[0], &runs[0]).contains("both are the run"));
    let json = tieout.run(["compare", "zzzzzzzzzz", &runs[0], "--format", "json"]).exits(2).json();
    assert_eq!(json["error"]["kind"], "not_found");
}

#[test]
fn rules_that_are_not_there() {
    let tieout = Tieout::new();
    let said = |args: &[&str]| tieout.run(args).exits(2).stderr;
    assert!(said(&["status"]).contains("there is no tieout.yaml"));
    write(&tieout, "orders", KEY, &[(1, 0)], &[(1, 1)]);
    assert!(said(&["history", "orders"]).contains("the rule `orders` never ran"));
    assert!(said(&["history", "ordres"]).contains("did you mean `orders`?"));
    assert!(said(&["history", "orders", "--out", ""]).contains("--out is empty"));
    assert!(said(&["history", "x", "--out", "nowhere"]).contains("the rules are `orders`"));
    run(&tieout, &[], 1);
    assert!(said(&["history", "x"]).contains("the rules are `orders`"));
    assert!(said(&["history", "\u{1b}[31m"]).contains("there is no run of a rule"));
}

#[test]
fn how_the_rules_stand() {
    let tieout = Tieout::new();
    story(&tieout, 6);
    let more = "r: {source: s, target: t, key: id, allow: {rows: 8}}\n  late: {source: s, target: t, key: id}\n";
    let yaml = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    let project = |rules: &str| {
        let datasets = yaml.split("rules:").next().unwrap();
        tieout.file("tieout.yaml", &format!("{datasets}rules:\n  {rules}"));
    };
    project(more);
    let status = tieout.run(["status"]).exits(1);
    insta::assert_snapshot!(steady(&status.stdout), @"
    rule outcome last run trend open oldest budget used
    r DIVERGED AGE ago ▇▅▇··█ 4 AGE 50 %
    late never ran
    ");
    let ascii = tieout.program(env!("CARGO_BIN_EXE_tieout").as_ref(), ["status"]);
    let ascii = {
        let mut command = ascii;
        command.env("LC_ALL", "C");
        Finished::of(command, None).exits(1).stdout
    };
    assert!(ascii.is_ascii(), "{ascii}");
    let json = tieout.run(["status", "--format", "json"]).exits(1).json();
    let rule = &json["rules"][0];
    assert_eq!(rule["trend"], serde_json::json!([3, 2, 3, null, null, 4]));
    assert_eq!((rule["open"].as_u64(), rule["last"]["outcome"].as_str()), (Some(4), Some("diverged")));
    assert_eq!(rule["budget"]["used_rows"], 4);
    let first = sql(&tieout, "SELECT min(started_at) AS t FROM runs");
    assert_eq!(rule["oldest"].as_str().unwrap()[..19], first.lines().nth(1).unwrap()[..19]);
    assert_eq!(json["rules"][1]["last"], serde_json::Value::Null);
    // A rule that the project no longer has does not count.
    project("late: {source: s, target: t, key: id}\n");
    insta::assert_snapshot!(tieout.run(["status"]).exits(0).stdout, @"
    rule  outcome    last run  trend  open  oldest  budget used
    late  never ran
    not in the project, but recorded: r
    ");
    // Without a project, all that ran does.
    std::fs::remove_file(tieout.path("tieout.yaml")).unwrap();
    tieout.run(["status", "--out", "out"]).exits(1);
    insta::assert_snapshot!(tieout.run(["status", "--out", "nowhere"]).exits(0).stdout, @"
    There are no rules here.
    ");
}

/// Without divergences, or where a run looked at a part only.
#[test]
fn exit_codes_of_the_status() {
    let tieout = Tieout::new();
    write(&tieout, "r", KEY, &[(1, 0)], &[(1, 0)]);
    run(&tieout, &[], 0);
    tieout.run(["status"]).exits(0);
    let budgeted = "source: s, target: t, key: id, allow: {rows: 5}";
    write(&tieout, "r", budgeted, &[(1, 0)], &[(1, 1)]);
    run(&tieout, &["--max-divergences", "1"], 3);
    tieout.run(["status"]).exits(3);
    run(&tieout, &[], 0);
    let status = tieout.run(["status", "--format", "json"]).exits(0).json();
    assert_eq!(status["rules"][0]["open"], 1, "what a budget allows is open all the same");
}

/// A budget of age: what is open for longer than that is beyond it.
#[test]
fn an_age_in_the_budget() {
    let tieout = Tieout::new();
    let aged = "source: s, target: t, key: id, allow: {age: 2s, rows: 5}";
    write(&tieout, "r", aged, &[(1, 0), (2, 0)], &[(1, 1), (2, 0)]);
    tieout.file("queries/q.sql", "-- key: id\n-- allow: 2s\nSELECT id FROM t WHERE v > 0\n");
    let first = tieout.run(["run", "--format", "json"]).exits(0);
    let rule = first.rule("r");
    assert_eq!((rule["outcome"].as_str(), &rule["allow"]["age_ms"]), (Some("reconciled"), &2000.into()));
    assert_eq!(rule["allow"]["used_age_ms"], 0);
    assert!(rule["notes"].to_string().contains("within the budget of 5 rows and an age of 2s"), "{rule}");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    // Another one is new: only the first is too old.
    write(&tieout, "r", aged, &[(1, 0), (2, 0)], &[(1, 1), (2, 1)]);
    let second = tieout.run(["run", "--format", "json"]).exits(1);
    for name in ["r", "q"] {
        let rule = second.rule(name);
        assert_eq!(rule["outcome"], "diverged");
        let notes = rule["notes"].to_string();
        assert!(notes.contains("1 divergence is open for longer than the budget's age"), "{notes}");
        assert!(!notes.contains("within"), "{notes}");
        assert!(rule["allow"]["used_age_ms"].as_u64().unwrap() > 2000);
    }
    let text = tieout.run(["run", "r"]).exits(1).stdout;
    assert!(text.contains("2 rows (100 %) used of 5 rows; the oldest open for "), "{text}");
    assert!(text.contains(" s of 2s"), "{text}");
    let status = tieout.run(["status", "--format", "json"]).exits(1).json();
    assert!(status["rules"][0]["budget"]["used_age_ms"].as_u64().unwrap() > 2000);
    // Resolved, it begins anew.
    write(&tieout, "r", aged, &[(1, 0), (2, 0)], &[(1, 0), (2, 0)]);
    run(&tieout, &[], 0);
    write(&tieout, "r", aged, &[(1, 0), (2, 0)], &[(1, 1), (2, 0)]);
    run(&tieout, &[], 0);
}

/// A clock that went back, a project that shares an output with another, and outputs that are none of ours.
#[test]
fn what_is_odd_about_an_output() {
    use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
    use std::sync::Arc;
    let tieout = Tieout::new();
    write(&tieout, "r", KEY, &[(1, 0)], &[(1, 1)]);
    let first = run(&tieout, &[], 1);
    let notes = |args: &[&str]| {
        tieout.run([&["run", "--format", "json"], args].concat()).exits(1).rule("r")["notes"].to_string()
    };
    assert!(!notes(&[]).contains("clock"));
    // A machine whose clock stands in the year 2100 ran before.
    let record = |run: &str| tieout.path(&format!("out/runs/{run}.parquet"));
    let batch = data::read_parquet(&record(&first));
    let schema = batch.schema();
    let future = "03bb2cc3-d800-7000-8000-000000000000";
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| match field.name().as_str() {
        "run_id" => Arc::new(StringArray::from(vec![future])) as ArrayRef,
        "started_at" => Arc::new(TimestampMicrosecondArray::from(vec![4_102_444_800_000_000]).with_timezone("UTC")),
        _ => column.clone(),
    });
    data::write_parquet(&record(future), &[RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()]);
    let noted = notes(&[]);
    assert!(noted.contains("started at 2100-01-01 00:00:00Z, which is still to come: a clock was wrong"), "{noted}");
    std::fs::remove_file(record(future)).unwrap();

    // Rules go by their names, whichever project they are of: who shares an output is told so.
    let other = tieout.path("other");
    std::fs::create_dir(&other).unwrap();
    let yaml = std::fs::read_to_string(tieout.path("tieout.yaml")).unwrap();
    let yaml = yaml.replace("  s: {csv", "  s2: {csv").replace("source: s,", "source: s2,");
    std::fs::write(other.join("tieout.yaml"), yaml).unwrap();
    for name in ["s.csv", "t.csv"] {
        std::fs::copy(tieout.path(name), other.join(name)).unwrap();
    }
    let noted = notes(&["--project", "other", "--out", "out"]);
    assert!(noted.contains("compared other datasets (`s` and `t`): give each project an output of its own"), "{noted}");
    assert!(!notes(&["--project", "other", "--out", "out"]).contains("other datasets"), "once");

    for (marker, why) in [
        ("{\"store\": \"tieout\", \"version\": 2}", "is of version 2, which this version of tieout does not know"),
        ("{\"store\": \"photos\"}", "is not what tieout writes"),
    ] {
        tieout.file("out/_tieout.json", marker);
        for args in [&["status"][..], &["history", "r"], &["sql", "SELECT 1"], &["expire", "--keep", "1d"]] {
            let refused = tieout.run(args).exits(2).stderr;
            assert!(refused.contains(why), "{args:?}: {refused}");
        }
    }
}
