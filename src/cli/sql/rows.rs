//! Rows on stdout: a table, CSV or JSON.

use std::mem;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::json::{WriterBuilder, writer::JsonArray};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use crate::cli::print::{self, Reader, layout};
use crate::cli::sql::Format;
use crate::error::Result;
use crate::report::Layout;
use crate::report::numbers::{count, counted};
use crate::report::table::{Align, Cell, Table};
use crate::report::value::{Values, cut, escape};

/// Writes what a statement returns; one that returns no columns has nothing to show.
pub async fn write(stream: SendableRecordBatchStream, format: Format, limit: Option<usize>) -> Result<Reader> {
    if stream.schema().fields().is_empty() {
        return drain(stream).await;
    }
    match format {
        Format::Table => write_table(stream, limit).await,
        Format::Csv => write_csv(stream).await,
        Format::Json => write_json(stream).await,
    }
}

async fn drain(mut stream: SendableRecordBatchStream) -> Result<Reader> {
    while let Some(batch) = stream.next().await {
        batch?;
    }
    Ok(Reader::There)
}

/// All widths must be known before the first line, so rows are held; a very large result is for CSV or JSON.
async fn write_table(mut stream: SendableRecordBatchStream, limit: Option<usize>) -> Result<Reader> {
    let (schema, mut batches, mut rows) = (stream.schema(), Vec::new(), 0);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        rows += batch.num_rows();
        batches.push(batch);
        // One row more than is shown, to know whether there are more.
        if limit.is_some_and(|limit| rows > limit) {
            break;
        }
    }
    print::out(&table(&schema, &batches, limit, layout())?)
}

fn table(schema: &SchemaRef, batches: &[RecordBatch], limit: Option<usize>, layout: Layout) -> Result<String> {
    let all: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut left = limit.unwrap_or(usize::MAX);
    let mut table = Table::new(schema.fields().iter().map(|f| Align::of(f.data_type())).collect::<Vec<_>>());
    let fit = |text: String| layout.width.map_or(text.clone(), |width| cut(&text, width));
    table
        .row(schema.fields().iter().map(|f| Cell::painted(fit(escape(f.name())), |t| layout.palette.strong(t))))
        .rule();
    for batch in batches {
        let columns: Vec<Values<'_>> = batch.columns().iter().map(Values::new).collect::<Result<_>>()?;
        let shown = batch.num_rows().min(left);
        left -= shown;
        for row in 0..shown {
            table.row(columns.iter().map(|values| match values.is_null(row) {
                true => Cell::painted(values.cell(row), |t| layout.palette.faint(t)),
                false => Cell::from(fit(values.cell(row))),
            }));
        }
    }
    let rows = match limit {
        Some(limit) if all > limit => format!("the first {} rows; there are more", count(limit as u64)),
        _ => counted(all as u64, "row"),
    };
    Ok(format!("{}{}\n", table.render(""), layout.palette.faint(&format!("({rows})"))))
}

async fn write_csv(mut stream: SendableRecordBatchStream) -> Result<Reader> {
    let mut text = line(stream.schema().fields().iter().map(|f| Some(f.name().clone())));
    // Names without rows are an answer too.
    while print::out(&mem::take(&mut text))? == Reader::There {
        let Some(batch) = stream.next().await else { return Ok(Reader::There) };
        text = csv(&batch?)?;
    }
    Ok(Reader::Gone)
}

fn csv(batch: &RecordBatch) -> Result<String> {
    let columns: Vec<Values<'_>> = batch.columns().iter().map(Values::new).collect::<Result<_>>()?;
    let row = |row| line(columns.iter().map(|values| values.text(row)));
    Ok((0..batch.num_rows()).map(row).collect())
}

/// RFC 4180, but for the line's end; NULL is empty and the empty text is quoted, so that both can be told apart.
fn line(cells: impl Iterator<Item = Option<String>>) -> String {
    let cells = cells.map(|cell| match cell {
        None => String::new(),
        Some(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(text) => text,
    });
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

async fn write_json(mut stream: SendableRecordBatchStream) -> Result<Reader> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    while let Some(batch) = stream.next().await {
        writer.write(&batch?)?;
        if send(writer.get_mut())? == Reader::Gone {
            return Ok(Reader::Gone);
        }
    }
    writer.finish()?;
    writer.get_mut().push(b'\n');
    send(writer.get_mut())
}

fn send(buffer: &mut Vec<u8>) -> Result<Reader> {
    // The writer only ever writes whole values, in UTF-8.
    print::out(&String::from_utf8_lossy(&mem::take(buffer)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array, StringArray};

    use super::*;

    fn batch() -> RecordBatch {
        let ids = FixedSizeBinaryArray::try_from_iter([[0u8, 255], [1, 2], [3, 4]].into_iter()).unwrap();
        RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(12345)])) as ArrayRef),
            ("text", Arc::new(StringArray::from(vec![Some("a,\"b\""), Some(""), None]))),
            ("id", Arc::new(ids)),
        ])
        .unwrap()
    }

    #[test]
    fn as_a_table() {
        let shown = |limit| table(&batch().schema(), &[batch()], limit, Layout::PLAIN).unwrap();
        insta::assert_snapshot!(shown(None), @r#"
            n  text   id
        -----  -----  ----
            1  a,"b"  00ff
         NULL         0102
        12345  NULL   0304
        (3 rows)
        "#);
        insta::assert_snapshot!(shown(Some(1)), @r#"
        n  text   id
        -  -----  ----
        1  a,"b"  00ff
        (the first 1 rows; there are more)
        "#);
    }

    #[test]
    fn as_csv() {
        insta::assert_snapshot!(csv(&batch()).unwrap(), @r#"
        1,"a,""b""",00ff
        ,"",0102
        12345,,0304
        "#);
    }
}
