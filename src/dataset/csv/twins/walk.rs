//! Goes through both files in step: long equal stretches at once, a difference record by record.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinError, JoinSet, spawn_blocking};

use super::super::lines::LARGEST_RECORD;
use super::super::tokenizer::{Span, Step, Tokenizer};
use super::answer;
use super::keys::Keys;
use super::meet::{self, Meeting};
use super::open::{self, Open};
use super::places::{Place, Places};
use super::queue::{Block, Queue, is_line_end};
use super::reader::{self, Read};
use super::rope::Rope;
use super::{Pieces, Question, Sizes, Stop, Twins};
use crate::error::{Error, ErrorKind};
use crate::side::BySide;

pub(super) async fn walk(files: BySide<Pieces>, question: Arc<Question>, sizes: Sizes) -> Result<Twins, Stop> {
    let mut tasks = JoinSet::new();
    let source = reader::bytes(&mut tasks, files.source, &question, &sizes);
    let source = reader::blocks(&mut tasks, source, &question, &sizes);
    let target = reader::bytes(&mut tasks, files.target, &question, &sizes);
    let mut supply = Supply { source, target };
    let mut walk = Walk::new(&question, sizes);
    while walk.more(&mut supply).await? {
        walk.advance()?;
        walk.check()?;
    }
    walk.source_rest(&mut supply).await?;
    walk.target_rest(&mut supply).await?;
    let Walk { mut source, mut open, mut twins, .. } = walk;
    let moved = open::cancel(&mut open);
    twins += moved.len() as u64;
    source.add_hashes(moved);
    // Millions of hashes are looked through while the records are decoded.
    let left: HashSet<u64> = open.source.keys.iter().chain(&open.target.keys).copied().collect();
    let recurring = spawn_blocking(move || answer::recurring(&left, &source.hashes));
    let open = answer::batches(open, &question)?;
    let broken = |error: JoinError| Error::new(ErrorKind::Internal, error.to_string());
    Ok(Twins { twins, open, recurring: recurring.await.map_err(broken)? })
}

struct Supply {
    source: Read<Block>,
    target: Read<Bytes>,
}

struct Walk {
    sizes: Sizes,
    limit: usize,
    source: Queue,
    target: Rope,
    /// Bytes of the target that must wait before the next step, if there are as many.
    wanted: usize,
    open: BySide<Open>,
    twins: u64,
    tokenizer: Tokenizer,
    spans: Vec<Span>,
    keys: Keys,
    width: usize,
}

impl Walk {
    fn new(question: &Question, sizes: Sizes) -> Self {
        Self {
            limit: question.limit,
            source: Queue::default(),
            target: Rope::default(),
            wanted: sizes.bytes,
            open: BySide::default(),
            twins: 0,
            tokenizer: Tokenizer::new(question.dialect),
            spans: Vec::new(),
            keys: question.keys(),
            width: question.width,
            sizes,
        }
    }

    /// Sees to it that enough of both files waits; false if one of them has no record left.
    async fn more(&mut self, supply: &mut Supply) -> Result<bool, Stop> {
        let Sizes { records, bytes, .. } = self.sizes;
        while !self.source.ended && self.source.records < records && self.source.bytes < bytes {
            self.read_source(supply).await?;
        }
        self.more_target(supply).await?;
        Ok(self.source.records > 0 && self.target.bytes > 0)
    }

    async fn more_target(&mut self, supply: &mut Supply) -> Result<(), Stop> {
        loop {
            self.target.skip_blank();
            if self.target.ended || self.target.bytes >= self.wanted {
                return Ok(());
            }
            self.read_target(supply).await?;
        }
    }

    async fn read_source(&mut self, supply: &mut Supply) -> Result<(), Stop> {
        match supply.source.next().await? {
            Some(block) => self.source.push(block),
            None => self.source.ended = true,
        }
        Ok(())
    }

    async fn read_target(&mut self, supply: &mut Supply) -> Result<(), Stop> {
        match supply.target.next().await? {
            Some(piece) => self.target.push(piece),
            None => self.target.ended = true,
        }
        Ok(())
    }

    /// Both files stand at a record.
    fn advance(&mut self) -> Result<(), Stop> {
        self.wanted = self.sizes.bytes;
        // The same bytes from the start of a record on are the same records, as far as these are whole.
        let same = self.target.common(self.source.stretch());
        let (count, bytes) = self.source.whole(same);
        if count > 0 {
            self.cancel(count, bytes);
            return Ok(());
        }
        if let Some(bytes) = self.same_but_line_end() {
            self.cancel(1, bytes);
            return Ok(());
        }
        match meet::meet(&self.source, &self.target, &self.tokenizer, &self.sizes)? {
            Meeting::Twins { source, mut target } => {
                let twin = target.pop();
                self.pass_source(source);
                self.pass_target(&target)?;
                // Places count from where the target stood.
                let before = target.last().map_or(0, |place| place.next);
                self.cancel(1, twin.map_or(0, |twin| twin.next - before));
            }
            Meeting::Nothing { target } => {
                self.pass_source(target.len());
                self.pass_target(&target)?;
            }
            Meeting::Starved => self.starve()?,
        }
        Ok(())
    }

    /// The target's next record is not there whole.
    fn starve(&mut self) -> Result<(), Stop> {
        if self.target.bytes > LARGEST_RECORD || self.target.ended {
            return Err(Stop::Unsure);
        }
        self.wanted = self.target.bytes * 2;
        Ok(())
    }

    /// If the next records differ in their line ends only: the bytes of the target's, without it.
    fn same_but_line_end(&self) -> Option<usize> {
        let (record, _) = self.source.first()?;
        if self.target.common(record) < record.len() {
            return None;
        }
        let ends = match self.target.byte(record.len()) {
            Some(byte) => is_line_end(byte),
            None => self.target.ended,
        };
        ends.then_some(record.len())
    }

    fn cancel(&mut self, count: usize, target_bytes: usize) {
        self.twins += count as u64;
        self.source.cancel(count);
        self.target.advance(target_bytes);
    }

    fn pass_source(&mut self, count: usize) {
        for _ in 0..count {
            if let Some((record, key)) = self.source.first() {
                self.open.source.push(record, key);
            }
            self.source.pass();
        }
    }

    /// These records, which nobody has looked at yet but for where they end, are left over.
    fn pass_target(&mut self, places: &[Place]) -> Result<(), Stop> {
        let Some(last) = places.last() else { return Ok(()) };
        let text = self.target.peek(last.next);
        for place in places {
            let record = &text[place.start..place.end];
            let step = self.tokenizer.step(record, 0, true, &mut self.spans).map_err(|_| Stop::Unsure)?;
            let whole = matches!(step, Step::Record { next, .. } if next == record.len());
            let sound = self.spans.len() == self.width && std::str::from_utf8(record).is_ok();
            if !whole || !sound || record.len() > LARGEST_RECORD {
                return Err(Stop::Unsure);
            }
            self.open.target.push(record, self.keys.hash(record, |field| self.spans[field]));
        }
        drop(text);
        self.target.advance(last.next);
        Ok(())
    }

    async fn source_rest(&mut self, supply: &mut Supply) -> Result<(), Stop> {
        loop {
            self.pass_source(self.source.records);
            self.check()?;
            if self.source.ended {
                return Ok(());
            }
            self.read_source(supply).await?;
        }
    }

    async fn target_rest(&mut self, supply: &mut Supply) -> Result<(), Stop> {
        loop {
            self.wanted = self.wanted.max(self.sizes.bytes);
            self.more_target(supply).await?;
            if self.target.bytes == 0 {
                return Ok(());
            }
            let mut places = Places::new(&self.tokenizer);
            places.find(&self.target, self.target.bytes, usize::MAX)?;
            let found = places.found;
            if found.is_empty() {
                self.starve()?;
            } else {
                self.wanted = self.sizes.bytes;
                self.pass_target(&found)?;
                self.check()?;
            }
        }
    }

    /// Whether it is worth it to go on.
    fn check(&self) -> Result<(), Stop> {
        let held = self.source.held + self.open.source.held() + self.open.target.held();
        let tried = self.source.passed.min(self.target.passed) >= self.sizes.trial;
        let left = self.open.source.len().max(self.open.target.len()) as u64;
        if held > self.limit || (tried && self.twins < left) { Err(Stop::Unsure) } else { Ok(()) }
    }
}
