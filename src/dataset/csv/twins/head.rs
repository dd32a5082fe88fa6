//! The start of a file: the byte order mark and the header are passed over.

use bytes::Bytes;
use futures::stream::{self, StreamExt};

use super::super::lines::{self, LARGEST_RECORD};
use super::super::tokenizer::{Step, Tokenizer};
use super::{Pieces, Question, Stop};

/// The file from its first row on.
pub(super) async fn rows(file: Pieces, question: &Question) -> Result<Pieces, Stop> {
    // It is asked again behind its end.
    let mut file = file.fuse();
    let mut start = Vec::new();
    let mut ended = false;
    loop {
        // A header that is cut is parsed again from its start: doubling keeps that linear.
        let wanted = (start.len() * 2).max(4);
        while start.len() < wanted && !ended {
            match file.next().await {
                Some(piece) => start.extend_from_slice(&piece?),
                None => ended = true,
            }
        }
        if let Some(at) = first_row(&start, ended, question)? {
            let rest = Bytes::from(start).slice(at..);
            return Ok(stream::once(async { Ok(rest) }).chain(file).boxed());
        }
        if start.len() > LARGEST_RECORD {
            return Err(Stop::Unsure);
        }
    }
}

/// None if more must be read.
fn first_row(start: &[u8], ended: bool, question: &Question) -> Result<Option<usize>, Stop> {
    let mut at = lines::mark(start).ok_or(Stop::Unsure)?;
    if !question.header {
        return Ok(Some(at));
    }
    let (tokenizer, mut spans) = (Tokenizer::new(question.dialect), Vec::new());
    while at < start.len() {
        match tokenizer.step(start, at, ended, &mut spans).map_err(|_| Stop::Unsure)? {
            Step::Record { next, .. } => {
                let sound = spans.len() == question.width && std::str::from_utf8(&start[at..next]).is_ok();
                return if sound { Ok(Some(next)) } else { Err(Stop::Unsure) };
            }
            Step::Blank { next } => at = next,
            Step::Incomplete => return Ok(None),
        }
    }
    // A file without a header is a fault.
    if ended { Err(Stop::Unsure) } else { Ok(None) }
}
