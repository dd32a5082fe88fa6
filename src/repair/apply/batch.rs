//! One batch of rows in one transaction: locked, looked at, changed only where they are what they were, read back, told to the ledger, and
//! only then committed.

use std::collections::{HashMap, HashSet};

use crate::dataset::{Change, Changes, Failure, Image, Writable, Writer};
use crate::repair::action::Action;
use crate::repair::apply::fate::Fate;

type Address = Vec<Option<String>>;

/// What the plan says of the rows of one table, as texts.
pub struct Rows<'a> {
    pub writable: &'a Writable,
    /// Columns by which a row is found.
    pub address: &'a [usize],
    pub actions: &'a [Action],
    pub before: Vec<Image>,
    pub after: Vec<Image>,
}

/// What an earlier transaction was about to make of a row; whether it was committed is seen in the row.
#[derive(Debug, Clone)]
pub struct Intent {
    pub before: Option<Image>,
    pub after: Option<Image>,
}

pub type Intents = HashMap<usize, Intent>;

/// What a transaction came to, before it is committed.
#[derive(Debug, Default)]
pub struct Came {
    /// Of rows that need no change, or must not have one.
    pub settled: Vec<(usize, Fate)>,
    /// Of rows that are changed once it is committed.
    pub changed: Vec<(usize, Intent)>,
}

/// Why it came to nothing.
pub enum Stop {
    Database(Failure),
    /// These rows would not be what was wanted; the transaction is to be rolled back, and the others may be tried again.
    Otherwise(Vec<(usize, String)>),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Database(failure)
    }
}

impl<'a> Rows<'a> {
    fn at(&self, image: &Image) -> Address {
        self.address.iter().map(|n| image.get(*n).cloned().flatten()).collect()
    }

    /// Whether the database itself gives a new row what tells it from others.
    fn is_unaddressed(&self, n: usize) -> bool {
        let action = &self.actions[n];
        action.change == Change::Insert && !self.address.iter().all(|column| action.set.contains(column))
    }

    /// Whether all that was to be given has the value that was wanted.
    fn is_as_wanted(&self, n: usize, image: &Image) -> Result<(), String> {
        for &column in &self.actions[n].set {
            let (wanted, stored) = (self.after[n].get(column).cloned().flatten(), image.get(column).cloned().flatten());
            if !self.writable.same(column, wanted.as_deref(), stored.as_deref()) {
                let name = &self.writable.columns[column].name;
                return Err(format!("{name} is stored as another value than the one that was given"));
            }
        }
        Ok(())
    }

    /// Looks at the rows, and changes those that can be. The transaction is open, and stays so.
    pub async fn carry_out(
        &self,
        writer: &mut dyn Writer,
        numbers: &[usize],
        intents: &Intents,
    ) -> std::result::Result<Came, Stop> {
        let mut at: Vec<Address> = Vec::new();
        for &n in numbers {
            at.extend(self.places(n, intents));
        }
        at.sort();
        at.dedup();
        let mut there: HashMap<Address, Vec<Image>> = HashMap::new();
        if !at.is_empty() {
            for image in writer.rows(self.address, &at).await? {
                there.entry(self.at(&image)).or_default().push(image);
            }
        }
        // Rows that make room within this batch.
        let leaving: HashSet<&Image> = numbers.iter().filter_map(|n| self.leaves(*n)).collect();
        let mut came = Came::default();
        let mut todo = Vec::new();
        for &n in numbers {
            match self.look(n, &there, intents, &leaving) {
                Some(fate) => came.settled.push((n, fate)),
                None => todo.push(n),
            }
        }
        let mut made: HashMap<usize, Image> = HashMap::new();
        for group in todo.chunk_by(|a, b| self.alike(*a, *b)) {
            self.change(writer, group, &mut made).await?;
        }
        if todo.is_empty() {
            return Ok(came);
        }
        writer.check().await?;
        came.changed = self.read_back(writer, &todo, made).await?;
        Ok(came)
    }

    /// Where the row may be, before and after.
    fn places(&self, n: usize, intents: &Intents) -> Vec<Address> {
        let action = &self.actions[n];
        let mut places = Vec::new();
        if action.has_before() {
            places.push(self.at(&self.before[n]));
        }
        if action.has_after() && !self.is_unaddressed(n) {
            places.push(self.at(&self.after[n]));
        }
        places.extend(intents.get(&n).and_then(|intent| intent.after.as_ref()).map(|image| self.at(image)));
        places
    }

    /// What is to be told of the row as it is there; none: it is to be changed.
    fn look(
        &self,
        n: usize,
        there: &HashMap<Address, Vec<Image>>,
        intents: &Intents,
        leaving: &HashSet<&Image>,
    ) -> Option<Fate> {
        let action = &self.actions[n];
        let found = |image: &Image| there.get(&self.at(image)).map_or(&[][..], Vec::as_slice);
        let intent = intents.get(&n);
        // Only what we made has exactly these cells, triggers and defaults included.
        if let Some(after) = intent.and_then(|intent| intent.after.as_ref())
            && found(after).contains(after)
            && intent.and_then(|intent| intent.before.as_ref()) != Some(after)
        {
            return Some(Fate::Applied);
        }
        match action.change {
            // Where the database gives the key, a row that the plan has made must not be made again.
            Change::Insert if self.is_unaddressed(n) => {
                match intent.and_then(|intent| intent.after.as_ref()).map(found) {
                    None | Some([]) => None,
                    Some(_) => Some(Fate::Stale("the row that the plan has made was changed since".into())),
                }
            }
            Change::Insert => match found(&self.after[n]) {
                [] => None,
                [one] if leaving.contains(one) => None,
                [one] if self.is_as_wanted(n, one).is_ok() => Some(Fate::Done),
                _ => Some(Fate::Stale("a row with its key is there by now, with other values".into())),
            },
            Change::Delete => match found(&self.before[n]) {
                [] if intent.is_some() => Some(Fate::Applied),
                [] => Some(Fate::Done),
                [one] if *one == self.before[n] => None,
                // The database gave its key to a row that the plan has made.
                [one] if intent.is_some() && intents.values().any(|other| other.after.as_ref() == Some(one)) => {
                    Some(Fate::Applied)
                }
                [_] => Some(Fate::Stale("the row was changed since the plan was made".into())),
                _ => Some(Fate::Stale("several rows have its key by now".into())),
            },
            Change::Update => match (found(&self.before[n]), found(&self.after[n])) {
                ([one], _) if *one == self.before[n] => None,
                (_, [one]) if self.is_as_wanted(n, one).is_ok() && self.address_is_wanted(n) => Some(Fate::Done),
                ([], _) => Some(Fate::Stale("the row is gone since the plan was made".into())),
                ([_], _) => Some(Fate::Stale("the row was changed since the plan was made".into())),
                _ => Some(Fate::Stale("several rows have its key by now".into())),
            },
        }
    }

    /// The row before, if none is left at its address afterwards.
    fn leaves(&self, n: usize) -> Option<&Image> {
        let action = &self.actions[n];
        let leaves = action.has_before() && (!action.has_after() || !self.address_is_wanted(n));
        leaves.then(|| &self.before[n])
    }

    /// A row that gets another address is as wanted only if none is left at the old one; that cannot be told from here.
    fn address_is_wanted(&self, n: usize) -> bool {
        self.at(&self.before[n]) == self.at(&self.after[n])
    }

    fn alike(&self, a: usize, b: usize) -> bool {
        let (a_is, b_is) = (&self.actions[a], &self.actions[b]);
        a_is.step == b_is.step
            && a_is.change == b_is.change
            && a_is.set == b_is.set
            && self.is_unaddressed(a) == self.is_unaddressed(b)
    }

    async fn change(
        &self,
        writer: &mut dyn Writer,
        group: &[usize],
        made: &mut HashMap<usize, Image>,
    ) -> std::result::Result<(), Stop> {
        let Some(first) = group.first().map(|n| &self.actions[*n]) else { return Ok(()) };
        if self.is_unaddressed(group[0]) {
            for &n in group {
                made.insert(n, writer.insert_one(&first.set, &self.after[n]).await?);
            }
            return Ok(());
        }
        let row = |n: &usize| {
            let action = &self.actions[*n];
            (action.has_before().then(|| &self.before[*n]), action.has_after().then(|| &self.after[*n]))
        };
        let changes = Changes {
            change: first.change,
            address: self.address,
            set: &first.set,
            rows: group.iter().map(row).collect(),
        };
        let changed = writer.change(&changes).await?;
        if changed != group.len() as u64 {
            // They are locked and were what they were: another rule of the table's own is at work.
            let why = format!("{changed} rows were changed by the statement for {}", group.len());
            return Err(Stop::Database(Failure::Refused(why)));
        }
        Ok(())
    }

    /// What is there now, in the transaction; it must be what was wanted.
    async fn read_back(
        &self,
        writer: &mut dyn Writer,
        todo: &[usize],
        made: HashMap<usize, Image>,
    ) -> std::result::Result<Vec<(usize, Intent)>, Stop> {
        let place = |n: &usize| match (made.get(n), self.actions[*n].change) {
            (Some(image), _) => self.at(image),
            (None, Change::Delete) => self.at(&self.before[*n]),
            (None, _) => self.at(&self.after[*n]),
        };
        let mut at: Vec<Address> = todo.iter().map(place).collect();
        at.sort();
        at.dedup();
        let mut there: HashMap<Address, Vec<Image>> = HashMap::new();
        for image in writer.rows(self.address, &at).await? {
            there.entry(self.at(&image)).or_default().push(image);
        }
        let (mut changed, mut otherwise) = (Vec::new(), Vec::new());
        for n in todo {
            let action = &self.actions[*n];
            let before = action.has_before().then(|| self.before[*n].clone());
            let found = there.get(&place(n)).map_or(&[][..], Vec::as_slice);
            match (action.change, found) {
                // Another row of the batch may have taken its place.
                (Change::Delete, rows) if !rows.contains(&self.before[*n]) => {
                    changed.push((*n, Intent { before, after: None }));
                }
                (Change::Delete, _) => otherwise.push((*n, "the row is still there".to_string())),
                (_, [one]) => match self.is_as_wanted(*n, one) {
                    Ok(()) => changed.push((*n, Intent { before, after: Some(one.clone()) })),
                    Err(why) => otherwise.push((*n, why)),
                },
                (_, []) => otherwise.push((*n, "the row is not there after it was written".to_string())),
                (_, _) => otherwise.push((*n, "several rows have its key".to_string())),
            }
        }
        match otherwise.is_empty() {
            true => Ok(changed),
            false => Err(Stop::Otherwise(otherwise)),
        }
    }
}
