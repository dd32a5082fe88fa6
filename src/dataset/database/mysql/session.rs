//! The session of a run: connections in one snapshot, each for one statement at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::record_batch::RecordBatch;
use mysql_async::Value;

use super::connection::{Connection, signed};
use super::decode::Decoders;
use super::pool::Pool;
use super::url::Target;
use super::{describe, snapshot};
use crate::dataset::database::pace::Pace;
use crate::dataset::database::session::{BatchSender, Described, Moment, Scan, Session, TextRows};
use crate::error::Result;
use crate::project::model::{DatabaseRelation, SourceLimits, System, TextOptions};

/// How often a replica that is behind is asked again.
const LAG_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct MysqlSession {
    shown: String,
    limits: SourceLimits,
    moment: Moment,
    pool: Arc<Pool>,
    pace: Pace,
}

impl fmt::Debug for MysqlSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MysqlSession({}, {})", self.shown, self.moment.version)
    }
}

impl MysqlSession {
    /// All connections are opened at once: a later one could not be given the same snapshot.
    pub(super) async fn open(target: Target, limits: SourceLimits) -> Result<Self> {
        let (connections, version) =
            snapshot::open(&target, limits.statement_timeout, limits.connections.max(1)).await?;
        Ok(Self {
            shown: target.shown.clone(),
            moment: Moment { at: Utc::now(), version },
            pool: Arc::new(Pool::new(target, connections)),
            pace: Pace::new(limits.rows_per_second),
            limits,
        })
    }

    /// Waits while this server is a replica that is too far behind.
    async fn keep_up(&self, connection: &mut Connection) -> Result<()> {
        let Some(most) = self.limits.pause_when_lag else { return Ok(()) };
        loop {
            let Some(lag) = lag(connection).await?.filter(|lag| *lag > most) else { return Ok(()) };
            tracing::info!(seconds = lag.as_secs(), "waiting for a replica that is behind");
            tokio::time::sleep(LAG_PAUSE).await;
        }
    }

    /// False: nobody listens any more, and the statement may still run.
    async fn stream(&self, connection: &mut Connection, scan: &Scan, sender: &BatchSender) -> Result<bool> {
        self.keep_up(connection).await?;
        tracing::debug!(sql = %scan.sql, "reading from MySQL");
        let batch_rows = self.pace.batch_rows(scan.batch_rows);
        let mut rows = connection.stream("rows cannot be read", &scan.sql).await?;
        let mut decoders = Decoders::new(&scan.columns, scan.schema.clone(), rows.columns())?;
        while let Some(row) = rows.next().await? {
            decoders.push(&row)?;
            if decoders.are_full(batch_rows) && !self.send(&mut decoders, scan, sender).await? {
                return Ok(false);
            }
        }
        Ok(decoders.rows() == 0 || self.send(&mut decoders, scan, sender).await?)
    }

    async fn send(&self, decoders: &mut Decoders, scan: &Scan, sender: &BatchSender) -> Result<bool> {
        scan.progress.add_bytes(decoders.take_bytes());
        let batch: RecordBatch = decoders.finish()?;
        self.pace.pass(batch.num_rows()).await;
        Ok(self.pool.taken(sender.send(Ok(batch))).await.is_ok())
    }
}

/// How far a replica is behind; None for a server that is none, or whose replication rests, so that waiting would not help.
async fn lag(connection: &mut Connection) -> Result<Option<Duration>> {
    let doing = "cannot ask how far the replica is behind";
    // MySQL 8.4 has the first only, MySQL 5.7 and MariaDB 10.4 the second.
    let rows = match connection.raw_rows(doing, "SHOW REPLICA STATUS").await {
        Err(error) if error.kind() == crate::error::ErrorKind::Sql => {
            connection.raw_rows(doing, "SHOW SLAVE STATUS").await?
        }
        rows => rows?,
    };
    let behind = rows.iter().filter_map(|row| {
        let names = ["Seconds_Behind_Source", "Seconds_Behind_Master"];
        let at = row.columns_ref().iter().position(|column| names.contains(&column.name_str().as_ref()))?;
        match row.as_ref(at)? {
            Value::Bytes(text) => std::str::from_utf8(text).ok()?.parse::<u64>().ok(),
            _ => None,
        }
    });
    Ok(behind.max().map(Duration::from_secs))
}

#[async_trait]
impl Session for MysqlSession {
    fn system(&self) -> System {
        System::Mysql
    }

    fn moment(&self) -> Moment {
        self.moment.clone()
    }

    fn is_alive(&self) -> bool {
        self.pool.is_whole()
    }

    fn connections(&self) -> usize {
        self.limits.connections.max(1)
    }

    async fn describe(&self, relation: &DatabaseRelation, text: &TextOptions) -> Result<Described> {
        let mut lent = self.pool.lend().await?;
        let described = describe::describe(lent.connection()?, relation, text).await?;
        lent.give_back();
        Ok(described)
    }

    /// What is written without the binary log leaves no sign that is there for every reader and outlives a restart: InnoDB's time of
    /// the last write is that of a statement, not of its commit, and is forgotten.
    async fn identity(&self, _: &DatabaseRelation) -> Result<Option<String>> {
        Ok(None)
    }

    async fn read(&self, scan: Scan, sender: &BatchSender) -> Result<()> {
        let mut lent = self.pool.lend().await?;
        if self.stream(lent.connection()?, &scan, sender).await? {
            lent.give_back();
        }
        Ok(())
    }

    async fn rows(&self, sql: &str) -> Result<TextRows> {
        tracing::debug!(%sql, "asking MySQL");
        let mut lent = self.pool.lend().await?;
        let rows = lent.connection()?.rows("the database cannot answer", &signed(sql)).await?;
        lent.give_back();
        Ok(rows)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
