//! Twins against an oracle that tokenizes both files whole and counts: files of every kind of line end, quote and fault,
//! in pieces so small that every place is a boundary.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use futures::stream::{self, StreamExt};

use super::super::tokenizer::{Dialect, Step, Tokenizer};
use super::{Pieces, Question, Sizes, Twins, USUAL, sized, twins};
use crate::error::{Error, ErrorKind};
use crate::side::BySide;

type Row = Vec<Option<String>>;

/// A generator that gives the same numbers everywhere.
struct Dice(u64);

impl Dice {
    /// Below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % sides
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.roll(list.len())]
    }
}

fn question(header: bool, width: usize, key: &[usize]) -> Question {
    let fields: Vec<Field> = (0..width).map(|n| Field::new(format!("c{n}"), DataType::Utf8, true)).collect();
    Question {
        dialect: Dialect { delimiter: b',', quote: b'"' },
        header,
        width,
        null: Arc::new(["NULL".to_string()]),
        key: key.to_vec(),
        schema: Arc::new(Schema::new(fields)),
        limit: 1 << 30,
        batch_size: 3,
    }
}

fn pieces(file: &[u8], mut length: impl FnMut() -> usize) -> Pieces {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < file.len() {
        let end = file.len().min(at + length());
        pieces.push(Ok(Bytes::copy_from_slice(&file[at..end])));
        at = end;
    }
    stream::iter(pieces).boxed()
}

/// Small enough that a file of a few hundred bytes has all kinds of boundaries.
fn small(dice: &mut Dice) -> Sizes {
    Sizes {
        piece: 1 + dice.roll(40)..=1 + dice.roll(200),
        joint: 1 + dice.roll(20),
        stretch: 1 + dice.roll(200),
        records: [1, 2, 3, 20, 4096][dice.roll(5)],
        bytes: [1, 50, 1 << 20][dice.roll(3)],
        trial: u64::MAX,
    }
}

/// The records of a file and their values; None if the ordinary reader finds a fault.
fn oracle(file: &[u8], question: &Question) -> Option<Vec<(Vec<u8>, Row)>> {
    let tokenizer = Tokenizer::new(question.dialect);
    let (mut records, mut spans) = (Vec::new(), Vec::new());
    let mut at = if file.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    std::str::from_utf8(file).ok()?;
    while at < file.len() {
        match tokenizer.step(file, at, true, &mut spans).ok()? {
            Step::Record { next, .. } => {
                let value = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap().replace("\"\"", "\"");
                let values = spans.iter().map(|span| {
                    let text = &file[span.start..span.end];
                    let value = if span.doubled { value(text) } else { String::from_utf8(text.to_vec()).unwrap() };
                    (!value.is_empty() && value != "NULL").then_some(value)
                });
                let row: Row = values.collect();
                // Only behind a quoted field does a quote stand.
                let last = spans.last().unwrap().end;
                let end = last + usize::from(file.get(last) == Some(&b'"'));
                records.push((file[at..end].to_vec(), row));
                (spans.len() == question.width).then_some(())?;
                at = next;
            }
            Step::Blank { next } => at = next,
            Step::Incomplete => unreachable!(),
        }
    }
    if question.header {
        (!records.is_empty()).then(|| records.remove(0))?;
    }
    Some(records)
}

#[derive(Debug, PartialEq)]
struct Answer {
    twins: u64,
    open: BySide<Vec<Row>>,
    recurring: bool,
}

fn expected(files: &BySide<Vec<u8>>, question: &Question) -> Option<Answer> {
    let records = BySide::new(oracle(&files.source, question)?, oracle(&files.target, question)?);
    let mut counts: BTreeMap<&[u8], (usize, usize, &Row)> = BTreeMap::new();
    for (record, row) in &records.source {
        counts.entry(record).or_insert((0, 0, row)).0 += 1;
    }
    for (record, row) in &records.target {
        counts.entry(record).or_insert((0, 0, row)).1 += 1;
    }
    let mut answer = Answer { twins: 0, open: BySide::default(), recurring: false };
    let (mut twins, mut left) = (BTreeSet::new(), BTreeSet::new());
    for (source, target, row) in counts.into_values() {
        let both = source.min(target);
        let key: Row = question.key.iter().map(|field| row[*field].clone()).collect();
        answer.twins += both as u64;
        answer.open.source.extend(std::iter::repeat_n(row.clone(), source - both));
        answer.open.target.extend(std::iter::repeat_n(row.clone(), target - both));
        if both > 0 {
            twins.insert(key.clone());
        }
        if source != target {
            left.insert(key);
        }
    }
    answer.recurring = !twins.is_disjoint(&left);
    answer.open = answer.open.map(sorted);
    Some(answer)
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let cell = |batch: &RecordBatch, column: usize, row: usize| {
        let column = batch.column(column).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_string())
    };
    let all = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    all.map(|(batch, row)| (0..batch.num_columns()).map(|column| cell(batch, column, row)).collect()).collect()
}

fn answer(twins: Twins) -> Answer {
    let Twins { twins, open, recurring } = twins;
    Answer { twins, open: open.map(|batches| sorted(rows(&batches))), recurring }
}

const FIELDS: [&str; 16] = [
    "a",
    "b",
    "c",
    "ab",
    "abc",
    "",
    "\"\"",
    "\"a\"",
    "NULL",
    "\"NULL\"",
    "\"x,y\"",
    "\"q\"\"q\"",
    "\"\"\"\"",
    "\"a\r\nb\"",
    "\"\n\n\"",
    "é\u{1F600}",
];
/// Quotes that mean nothing.
const LITERAL: [&str; 3] = ["x\"y", "x\"", "x\"\"y"];
const FAULTS: [&[u8]; 6] = [b"a,b,c,d,e", b"\"a\"b", b"\"a", b"\xff", b"\"\"\"x", b"\xc3"];

fn record(dice: &mut Dice, width: usize, literal: bool) -> Vec<u8> {
    let long = "0123456789".repeat(dice.roll(12));
    let field = |dice: &mut Dice| match dice.roll(30) {
        0 => long.clone(),
        1 if literal => dice.pick(&LITERAL).to_string(),
        _ => dice.pick(&FIELDS).to_string(),
    };
    (0..width).map(|_| field(dice)).collect::<Vec<_>>().join(",").into_bytes()
}

/// Some deleted, added, changed, repeated and moved.
fn mutated(dice: &mut Dice, records: &[Vec<u8>], width: usize, literal: bool) -> Vec<Vec<u8>> {
    let often = 2 + dice.roll(30);
    let mut other = Vec::new();
    for old in records {
        match if dice.one_in(often) { dice.roll(5) } else { 9 } {
            0 => {}
            1 => other.extend([old.clone(), record(dice, width, literal)]),
            2 => other.push(record(dice, width, literal)),
            3 => other.extend([old.clone(), old.clone()]),
            4 => {
                let to = dice.roll(other.len() + 1);
                other.insert(to, old.clone());
            }
            _ => other.push(old.clone()),
        }
    }
    other
}

fn file(dice: &mut Dice, header: Option<&[u8]>, records: &[Vec<u8>]) -> Vec<u8> {
    let ends = ["\n", "\r\n", "\r"];
    let (end, mixed, blanks) = (dice.pick(&["\n", "\n", "\r\n", "\r"]), dice.one_in(8), dice.one_in(4));
    let mut file = Vec::new();
    if dice.one_in(4) {
        file.extend_from_slice(b"\xef\xbb\xbf");
    }
    let line = |dice: &mut Dice, record: &[u8], file: &mut Vec<u8>| {
        while blanks && dice.one_in(5) {
            file.extend_from_slice(dice.pick(&ends).as_bytes());
        }
        file.extend_from_slice(record);
        file.extend_from_slice(if mixed { dice.pick(&ends) } else { end }.as_bytes());
    };
    header.into_iter().for_each(|header| line(dice, header, &mut file));
    records.iter().for_each(|record| line(dice, record, &mut file));
    if dice.one_in(3) {
        let length = super::queue::content(&file).len();
        file.truncate(length);
    }
    file
}

fn files(dice: &mut Dice, header: bool, width: usize) -> BySide<Vec<u8>> {
    let literal = dice.one_in(4);
    let count = dice.roll(60);
    let mut records: Vec<_> = (0..count).map(|_| record(dice, width, literal)).collect();
    let both = dice.one_in(12);
    let fault = FAULTS[dice.roll(FAULTS.len())].to_vec();
    let at = dice.roll(count + 1);
    if both {
        records.insert(at, fault.clone());
    }
    let mut other = mutated(dice, &records, width, literal);
    if dice.one_in(15) {
        let at = dice.roll(other.len() + 1);
        other.insert(at, fault);
    }
    let names = (0..width).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    let header = header.then_some(names.as_bytes());
    let (source, target) = (file(dice, header, &records), file(dice, header, &other));
    if dice.one_in(2) { BySide::new(source, target) } else { BySide::new(target, source) }
}

#[tokio::test]
async fn twins_are_those_of_the_oracle() {
    let (mut judged, mut faulty, mut recurring) = (0, 0, 0);
    for seed in 0..6000 {
        let dice = &mut Dice(seed);
        let (header, width) = (dice.one_in(2), 1 + dice.roll(4));
        let key = [vec![0], (0..width).collect(), vec![width - 1, 0]][dice.roll(3)].clone();
        let question = question(header, width, &key);
        let files = files(dice, header, width);
        let expected = expected(&files, &question);
        let sizes = if dice.one_in(10) { USUAL } else { small(dice) };
        let length = 1 + dice.roll(50);
        let source = pieces(&files.source, || length);
        let target = pieces(&files.target, || 1 + dice.roll(50));
        let found = sized(BySide::new(source, target), question, sizes.clone()).await.unwrap().map(answer);
        let text = files.as_ref().map(|file| String::from_utf8_lossy(file).into_owned());
        assert_eq!(found, expected, "seed {seed}, {sizes:?}, {key:?}, {text:#?}");
        judged += usize::from(expected.is_some());
        faulty += usize::from(expected.is_none());
        recurring += usize::from(expected.is_some_and(|answer| answer.recurring));
    }
    assert!(judged > 3000 && faulty > 300 && recurring > 300, "{judged} {faulty} {recurring}");
}

async fn plain(source: &str, target: &str, key: &[usize]) -> Option<Answer> {
    let question = question(true, 2, key);
    let [source, target] = [source, target].map(|file| pieces(file.as_bytes(), || 64 << 10));
    twins(source, target, question).await.unwrap().map(answer)
}

fn lines(rows: impl IntoIterator<Item = usize>, value: impl Fn(usize) -> String) -> String {
    let lines = rows.into_iter().map(|row| format!("{row},{}\n", value(row)));
    std::iter::once("k,v\n".to_string()).chain(lines).collect()
}

#[tokio::test]
async fn large_files_with_gaps_moves_and_changes() {
    let value = |row: usize| format!("{:0>width$}", row % 7, width = row % 50);
    let source = lines(0..200_000, value);
    // A long gap, a block far from its place, a row changed here and there.
    let kept = (0..200_000).filter(|row| !(50_000..53_000).contains(row));
    let (moved, stayed): (Vec<_>, Vec<_>) = kept.partition(|row| (90_000..90_500).contains(row));
    let changed = |row: usize| if row % 1000 == 17 { format!("new{row}") } else { value(row) };
    let target = lines(stayed.into_iter().chain(moved), changed);
    let found = plain(&source, &target, &[0]).await.unwrap();
    assert_eq!(found.twins, 200_000 - 3000 - 197);
    assert_eq!(found.open.map(|rows| rows.len()), BySide::new(3197, 197));
    assert!(!found.recurring);
    let mirrored = plain(&target, &source, &[0]).await.unwrap();
    assert_eq!(mirrored.open.map(|rows| rows.len()), BySide::new(197, 3197));
    // By the other column, left-over rows of the gap have company among the twins.
    assert!(plain(&source, &target, &[1]).await.unwrap().recurring);
}

#[tokio::test]
async fn what_is_not_worth_it() {
    let value = |row: usize| format!("{row:060}");
    let source = lines(0..200_000, value);
    let backwards = lines((0..200_000).rev(), value);
    assert_eq!(plain(&source, &backwards, &[0]).await, None, "another order");
    let changed = lines(0..200_000, |row| format!("{:060}", row + 1));
    assert_eq!(plain(&source, &changed, &[0]).await, None, "every row differs");
    let mut question = question(true, 2, &[0]);
    for (limit, judged) in [(1 << 20, false), (2 << 20, true)] {
        question.limit = limit;
        let [source, target] = [&source, &source].map(|file| pieces(file.as_bytes(), || 1 << 20));
        let found = twins(source, target, question.clone()).await.unwrap();
        assert_eq!(found.is_some(), judged, "200 000 hashes of 8 bytes in {limit}");
    }
}

#[tokio::test]
async fn equal_lines_in_numbers_are_no_trap() {
    let source = lines(std::iter::repeat_n(1, 100_000), |_| "x".repeat(40));
    let target = lines(std::iter::repeat_n(1, 70_000), |_| "x".repeat(40)) + "2,y\n";
    let found = plain(&source, &target, &[0]).await.unwrap();
    assert_eq!(
        (found.twins, found.open.map(|rows| rows.len()), found.recurring),
        (70_000, BySide::new(30_000, 1), true)
    );
}

#[tokio::test]
async fn a_record_of_many_pieces() {
    let large = format!("1,\"{}\"\n", "a \"\" b\n".repeat(1 << 20));
    let source = format!("k,v\n{large}2,b\n{}", large.replacen('1', "3", 1));
    let target = source.replace("2,b", "2,c");
    let found = plain(&source, &target, &[0]).await.unwrap();
    assert_eq!((found.twins, found.open.map(|rows| rows.len())), (2, BySide::new(1, 1)));
}

#[tokio::test]
async fn files_without_rows_or_header() {
    let none = Answer { twins: 0, open: BySide::default(), recurring: false };
    assert_eq!(plain("k,v", "k,v\r\n\r\n", &[0]).await, Some(none));
    assert_eq!(plain("k,v", "", &[0]).await, None);
    assert_eq!(plain("k,v", "\n\n", &[0]).await, None);
    let found = plain("k,v\n1,a", "\u{feff}k,v\r\n", &[0]).await.unwrap();
    assert_eq!(found.open, BySide::new(vec![vec![Some("1".to_string()), Some("a".to_string())]], vec![]));
}

#[tokio::test]
async fn a_stream_that_fails_is_an_error() {
    let good = || pieces(b"k,v\n1,a\n", || 3);
    let failing = || {
        let broken = Err(Error::new(ErrorKind::Data, "gone"));
        good().chain(stream::once(async { broken })).boxed()
    };
    let question = question(true, 2, &[0]);
    assert!(twins(good(), failing(), question.clone()).await.is_err());
    assert!(twins(failing(), good(), question).await.is_err());
}
