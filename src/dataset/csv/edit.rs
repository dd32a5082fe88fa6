//! A CSV file written anew with some records changed, dropped or added. What is not changed is copied byte for byte: line ends, quotes,
//! blank lines, a byte order mark, a last line without an end; of a changed record, the other cells too.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::lines::{LARGEST_RECORD, mark};
use super::tokenizer::{Dialect, Span, Step, Tokenizer};
use super::{Csv, CsvFiles};
use crate::dataset::source::{Packing, SourceFile, effective};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

/// Cells of one record, by their columns.
pub(in crate::dataset) type Cells = Vec<(String, Option<String>)>;

/// What is to be done to one file.
#[derive(Debug, Default)]
pub(in crate::dataset) struct RecordEdits {
    /// By the number of the record, from 0 and without the header: the cells that change; None: it goes.
    pub records: BTreeMap<u64, Option<Cells>>,
    pub appended: Vec<Cells>,
    /// Only the header is taken over.
    pub from_header: bool,
}

impl CsvFiles {
    pub(in crate::dataset) fn packing(&self, name: &str) -> Packing {
        effective(self.csv.compression, name)
    }

    /// The columns of the file of this number; none where it has no record to tell them.
    pub(in crate::dataset) async fn columns_of_file(&self, file: usize) -> Result<Vec<String>> {
        self.csv.columns_of(self.files[file].clone()).await
    }

    /// Writes the file of this number anew. `columns`: all that files of the dataset have, for a file without any record.
    pub(in crate::dataset) async fn edited(
        &self,
        file: usize,
        columns: &[String],
        edits: &RecordEdits,
        out: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<()> {
        let file = &self.files[file];
        let mut own = self.csv.columns_of(file.clone()).await?;
        if own.is_empty() {
            own = columns.to_vec();
        }
        let places = own.iter().enumerate().map(|(n, name)| (name.clone(), n)).collect();
        let mut editor = Editor::new(&self.csv, file, places, own.len(), out);
        editor.run(edits).await
    }
}

struct Editor<'a> {
    dialect: Dialect,
    header: bool,
    places: HashMap<String, usize>,
    width: usize,
    display: String,
    content: BoxStream<'static, Result<Bytes>>,
    /// What was read and is not done with.
    buffer: Vec<u8>,
    ended: bool,
    /// The line end of the file's first record that has one.
    line_end: Option<Vec<u8>>,
    /// Whether all that was written ends with a line end, or nothing was.
    complete: bool,
    pending: Vec<u8>,
    out: &'a mut (dyn AsyncWrite + Send + Unpin),
}

impl<'a> Editor<'a> {
    fn new(
        csv: &Csv,
        file: &SourceFile,
        places: HashMap<String, usize>,
        width: usize,
        out: &'a mut (dyn AsyncWrite + Send + Unpin),
    ) -> Self {
        Self {
            dialect: csv.dialect,
            header: csv.header,
            places,
            width,
            display: file.display(),
            content: file.content(csv.compression),
            buffer: Vec::new(),
            ended: false,
            line_end: None,
            complete: true,
            pending: Vec::new(),
            out,
        }
    }

    async fn run(&mut self, edits: &RecordEdits) -> Result<()> {
        let (tokenizer, mut spans) = (Tokenizer::new(self.dialect), Vec::new());
        while self.buffer.len() < 4 && self.more().await? {}
        let mut at = mark(&self.buffer).unwrap_or_default();
        self.pending.extend_from_slice(&self.buffer[..at]);
        let mut header = self.header;
        let mut record = 0;
        loop {
            let step = match self.buffer.len() {
                length if at < length => tokenizer.step(&self.buffer, at, self.ended, &mut spans),
                _ => Ok(Step::Incomplete),
            };
            let from = at;
            match step.map_err(|_| self.foreign("it is not the CSV that was read before"))? {
                Step::Incomplete if self.ended => break,
                Step::Incomplete => {
                    self.buffer.drain(..at);
                    at = 0;
                    if self.buffer.len() > LARGEST_RECORD {
                        return Err(self.foreign("a record is too large"));
                    }
                    // A record that does not fit is parsed again from its start: doubling keeps that linear.
                    let wanted = self.buffer.len() * 2;
                    while self.more().await? && self.buffer.len() < wanted {}
                }
                Step::Blank { next } => {
                    at = next;
                    if !edits.from_header {
                        self.pending.extend_from_slice(&self.buffer[from..next]);
                    }
                }
                Step::Record { next, .. } => {
                    at = next;
                    let cells = self.cells(from, &spans);
                    let end = cells.last().map_or(from, |(_, end)| *end);
                    if self.line_end.is_none() && end < next {
                        self.line_end = Some(self.buffer[end..next].to_vec());
                    }
                    if header {
                        header = false;
                        self.copy(from, next, end < next);
                        if edits.from_header {
                            break;
                        }
                        continue;
                    }
                    if edits.from_header {
                        break;
                    }
                    match edits.records.get(&record) {
                        None => self.copy(from, next, end < next),
                        Some(None) => {}
                        Some(Some(changed)) => self.change(from, next, &cells, changed)?,
                    }
                    record += 1;
                }
            }
            self.flush(PIECE).await?;
        }
        for row in &edits.appended {
            self.append(row)?;
            self.flush(PIECE).await?;
        }
        self.flush(0).await?;
        self.out.shutdown().await.map_err(|error| unwritten(&error))
    }

    /// Where each cell begins and ends, with its quotes.
    fn cells(&self, record: usize, spans: &[Span]) -> Vec<(usize, usize)> {
        let mut start = record;
        let cell = |span: &Span| {
            let quoted = usize::from(span.start > start);
            let cell = (start, span.end + quoted);
            // Behind the delimiter.
            start = cell.1 + 1;
            cell
        };
        spans.iter().map(cell).collect()
    }

    fn copy(&mut self, from: usize, to: usize, complete: bool) {
        self.pending.extend_from_slice(&self.buffer[from..to]);
        self.complete = complete;
    }

    fn change(&mut self, from: usize, next: usize, cells: &[(usize, usize)], changed: &Cells) -> Result<()> {
        let mut values: BTreeMap<usize, Option<&str>> = BTreeMap::new();
        for (name, value) in changed {
            if let Some(place) = self.place(name, value.as_deref())? {
                values.insert(place, value.as_deref());
            }
        }
        let mut at = from;
        for (place, value) in values {
            let Some((start, end)) = cells.get(place).copied() else {
                return Err(self.foreign("a record is too short"));
            };
            self.pending.extend_from_slice(&self.buffer[at..start]);
            self.write(value, cells.len() == 1);
            at = end;
        }
        let end = cells.last().map_or(from, |(_, end)| *end);
        self.copy(at, next, end < next);
        Ok(())
    }

    /// A record behind the last, without a line end where the file had none.
    fn append(&mut self, row: &Cells) -> Result<()> {
        let mut values: Vec<Option<&str>> = vec![None; self.width];
        for (name, value) in row {
            if let Some(place) = self.place(name, value.as_deref())? {
                values[place] = value.as_deref();
            }
        }
        let end = self.line_end.clone().unwrap_or_else(|| b"\n".to_vec());
        let open = !self.complete;
        if open {
            self.pending.extend_from_slice(&end);
        }
        for (n, value) in values.iter().enumerate() {
            if n > 0 {
                self.pending.push(self.dialect.delimiter);
            }
            self.write(*value, values.len() == 1);
        }
        // A file whose last line has no end keeps to that: then the next row brings it.
        if !open {
            self.pending.extend_from_slice(&end);
        }
        Ok(())
    }

    fn place(&self, name: &str, value: Option<&str>) -> Result<Option<usize>> {
        match (self.places.get(name), value) {
            (Some(place), _) => Ok(Some(*place)),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Error::new(
                ErrorKind::Data,
                format!("{} has no column {name:?}, so that no value can be written there", self.display),
            )
            .hint("add the column to the file's header, or leave the column out of the repair")),
        }
    }

    /// `alone`: an empty line would be no record.
    fn write(&mut self, value: Option<&str>, alone: bool) {
        let Dialect { delimiter, quote } = self.dialect;
        let value = value.unwrap_or_default();
        let special = |byte: u8| [delimiter, quote, b'\n', b'\r'].contains(&byte);
        // What looks like a byte order mark would be taken for one at the start of the file.
        let quoted = alone && value.is_empty() || value.bytes().any(special) || value.starts_with('\u{feff}');
        if !quoted {
            self.pending.extend_from_slice(value.as_bytes());
            return;
        }
        self.pending.push(quote);
        for byte in value.bytes() {
            if byte == quote {
                self.pending.push(quote);
            }
            self.pending.push(byte);
        }
        self.pending.push(quote);
    }

    async fn more(&mut self) -> Result<bool> {
        match self.content.next().await {
            Some(piece) => self.buffer.extend_from_slice(&piece?),
            None => self.ended = true,
        }
        Ok(!self.ended)
    }

    async fn flush(&mut self, above: usize) -> Result<()> {
        if self.pending.len() > above {
            self.out.write_all(&self.pending).await.map_err(|error| unwritten(&error))?;
            self.pending.clear();
        }
        Ok(())
    }

    fn foreign(&self, why: &str) -> Error {
        Error::new(ErrorKind::Data, format!("{} cannot be written anew: {why}", self.display))
    }
}

fn unwritten(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Output, "a corrected copy cannot be written").source(error.to_string())
}
