//! All batches of a plan over one connection: split where rows are refused, tried again where others are at them, and gone on with where
//! the connection was cut.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};

pub use crate::dataset::ended as told;
use crate::dataset::{Failure, Image, Writer};
use crate::error::Result;
use crate::repair::apply::batch::{Came, Intents, Rows, Stop};
use crate::repair::apply::fate::Fate;

/// How often rows are tried again that others are at.
const TRIES: u32 = 4;
/// How often a connection is made anew for one batch.
const CONNECTIONS: u32 = 5;

/// How it is gone about it.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Rows a transaction.
    pub batch_rows: usize,
    pub rows_per_second: Option<u64>,
    /// No batch is begun after it.
    pub until: Option<Instant>,
}

/// What a batch comes to is told before it is committed.
#[async_trait::async_trait]
pub trait Witness: Send {
    async fn tell(&mut self, rows: &Rows<'_>, came: &Came) -> Result<()>;

    /// The database has said that it was not committed.
    async fn take_back(&mut self, rows: &Rows<'_>, came: &Came, why: &str) -> Result<()>;
}

/// Makes a connection.
#[async_trait::async_trait]
pub trait Connect: Sync {
    async fn connect(&self) -> Result<Box<dyn Writer>>;
}

pub struct Carrier<'a> {
    pub rows: Rows<'a>,
    pub connect: &'a dyn Connect,
    pub witness: &'a mut dyn Witness,
    pub pace: Pace,
    pub intents: Intents,
    /// By action.
    pub fates: Vec<Option<Fate>>,
    /// Images that were really there, by action.
    pub real: Vec<(Option<Image>, Option<Image>)>,
}

impl Carrier<'_> {
    /// Carries out the actions of these numbers, which are in their order.
    pub async fn run(&mut self, numbers: &[usize]) -> Result<()> {
        let mut writer = Some(self.connect.connect().await?);
        let started = Instant::now();
        let mut gone = 0u64;
        for batch in numbers.chunks(self.pace.batch_rows.max(1)) {
            if self.pace.until.is_some_and(|until| Instant::now() >= until) {
                batch.iter().for_each(|n| self.fates[*n] = Some(Fate::Left("the time was over before it".into())));
                continue;
            }
            self.batch(&mut writer, batch).await?;
            gone += batch.len() as u64;
            if let Some(rate) = self.pace.rows_per_second.filter(|rate| *rate > 0) {
                let due = Duration::from_secs_f64(gone as f64 / rate as f64);
                tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
            }
        }
        if let Some(writer) = writer {
            writer.close().await;
        }
        Ok(())
    }

    async fn batch(&mut self, writer: &mut Option<Box<dyn Writer>>, batch: &[usize]) -> Result<()> {
        let mut waiting = vec![(batch.to_vec(), 0u32)];
        let mut lost = 0;
        let mut pauses = pauses().build();
        while let Some((numbers, tries)) = waiting.pop() {
            let mut connected = match writer.take() {
                Some(writer) => writer,
                None => self.connect.connect().await?,
            };
            let ended = self.transaction(connected.as_mut(), &numbers).await;
            match ended {
                Ok(()) => *writer = Some(connected),
                Err(Stop::Otherwise(rows)) => {
                    if connected.rollback().await.is_ok() {
                        *writer = Some(connected);
                    }
                    let others = numbers.iter().copied().filter(|n| rows.iter().all(|(other, _)| other != n));
                    let others: Vec<usize> = others.collect();
                    rows.into_iter().for_each(|(n, why)| self.fates[n] = Some(Fate::Failed(why)));
                    if !others.is_empty() {
                        waiting.push((others, tries));
                    }
                }
                Err(Stop::Database(Failure::Lost(error))) => {
                    lost += 1;
                    // Whether it was committed is seen in the rows.
                    let Some(pause) = pauses.next().filter(|_| lost <= CONNECTIONS) else { return Err(error) };
                    tracing::info!(%error, "connecting anew");
                    tokio::time::sleep(pause).await;
                    waiting.push((numbers, tries));
                }
                Err(Stop::Database(Failure::Error(error))) => {
                    let _ = connected.rollback().await;
                    connected.close().await;
                    return Err(error);
                }
                Err(Stop::Database(failure @ (Failure::Busy(_) | Failure::Refused(_)))) => {
                    if connected.rollback().await.is_ok() {
                        *writer = Some(connected);
                    }
                    let (why, busy) = match failure {
                        Failure::Busy(why) => (why, true),
                        Failure::Refused(why) => (why, false),
                        Failure::Lost(error) | Failure::Error(error) => return Err(error),
                    };
                    match (&numbers[..], busy && tries < TRIES) {
                        ([one], false) => {
                            let why = match self.intents.contains_key(one) {
                                true => {
                                    format!("{why}; whether it was changed before could not be seen: apply it again")
                                }
                                false => why,
                            };
                            self.fates[*one] = Some(Fate::Failed(why));
                        }
                        (_, true) if numbers.len() == 1 || tries == 0 => {
                            tokio::time::sleep(Duration::from_millis(20 << tries)).await;
                            waiting.push((numbers, tries + 1));
                        }
                        _ => {
                            // The first half comes first.
                            let (first, second) = numbers.split_at(numbers.len() / 2);
                            waiting.push((second.to_vec(), tries));
                            waiting.push((first.to_vec(), tries));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn transaction(&mut self, writer: &mut dyn Writer, numbers: &[usize]) -> std::result::Result<(), Stop> {
        writer.begin().await?;
        let came = self.rows.carry_out(writer, numbers, &self.intents).await?;
        if came.changed.is_empty() {
            writer.rollback().await?;
        } else {
            self.witness.tell(&self.rows, &came).await.map_err(Failure::Error)?;
            // From here on it may be committed, whatever is heard of it; unless the database says that it was not.
            let before: Vec<_> = came.changed.iter().map(|(n, _)| (*n, self.intents.get(n).cloned())).collect();
            self.intents.extend(came.changed.iter().cloned());
            if let Err(failure) = writer.commit().await {
                if let Failure::Refused(why) | Failure::Busy(why) = &failure {
                    for (n, intent) in before {
                        match intent {
                            Some(intent) => drop(self.intents.insert(n, intent)),
                            None => drop(self.intents.remove(&n)),
                        }
                    }
                    self.witness.take_back(&self.rows, &came, why).await.map_err(Failure::Error)?;
                }
                return Err(failure.into());
            }
        }
        for (n, fate) in came.settled {
            if let (Fate::Applied, Some(intent)) = (&fate, self.intents.get(&n)) {
                self.real[n] = (intent.before.clone(), intent.after.clone());
            }
            self.fates[n] = Some(fate);
        }
        for (n, intent) in came.changed {
            self.real[n] = (intent.before, intent.after);
            self.fates[n] = Some(Fate::Applied);
        }
        Ok(())
    }
}

fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(Duration::from_millis(200)).with_max_times(CONNECTIONS as usize)
}

/// The same in one transaction that is rolled back at its end: what would become of each, and the rows as they would be.
pub async fn rehearse(
    rows: &Rows<'_>,
    writer: &mut dyn Writer,
    numbers: &[usize],
    batch_rows: usize,
    fates: &mut [Option<Fate>],
    real: &mut [(Option<Image>, Option<Image>)],
) -> Result<()> {
    writer.begin().await.map_err(told)?;
    for batch in numbers.chunks(batch_rows.max(1)) {
        let mut waiting = vec![batch.to_vec()];
        while let Some(numbers) = waiting.pop() {
            writer.savepoint().await.map_err(told)?;
            match rows.carry_out(writer, &numbers, &Intents::new()).await {
                Ok(came) => {
                    came.settled.into_iter().for_each(|(n, fate)| fates[n] = Some(fate));
                    for (n, intent) in came.changed {
                        fates[n] = Some(Fate::Applied);
                        real[n] = (intent.before, intent.after);
                    }
                }
                Err(Stop::Otherwise(wrong)) => {
                    writer.back_to_savepoint().await.map_err(told)?;
                    let others = numbers.iter().copied().filter(|n| wrong.iter().all(|(other, _)| other != n));
                    let others: Vec<usize> = others.collect();
                    wrong.into_iter().for_each(|(n, why)| fates[n] = Some(Fate::Failed(why)));
                    if !others.is_empty() {
                        waiting.push(others);
                    }
                }
                Err(Stop::Database(Failure::Refused(why) | Failure::Busy(why))) => {
                    writer.back_to_savepoint().await.map_err(told)?;
                    match &numbers[..] {
                        [one] => fates[*one] = Some(Fate::Failed(why)),
                        _ => {
                            let (first, second) = numbers.split_at(numbers.len() / 2);
                            waiting.push(second.to_vec());
                            waiting.push(first.to_vec());
                        }
                    }
                }
                Err(Stop::Database(failure)) => return Err(told(failure)),
            }
        }
    }
    Ok(())
}
