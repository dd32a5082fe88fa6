//! The connections of a session, all of them in one snapshot, as far as the server lets that be shown.
//!
//! A transaction of InnoDB cannot join another's snapshot. But where changes are logged, MariaDB tells of each snapshot which
//! place in the binary log it has seen: connections that tell the same place see the same. Where it does not, or is written
//! to too fast, a moment in which nothing can be written is asked for; it takes a privilege that few readers have.

use std::time::Duration;

use futures::future::try_join_all;

use super::connection::Connection;
use super::url::Target;
use crate::dataset::database::session::TextRows;
use crate::error::Result;

const BEGIN: &str =
    "ROLLBACK; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; SHOW STATUS LIKE 'binlog_snapshot_%'";
/// A server that is written to often may need some attempts, each of which takes a round trip.
const ATTEMPTS: usize = 5;
/// Who waits for the lock holds up all who write behind him.
const LOCK: &str = "ROLLBACK; SET SESSION lock_wait_timeout = 1; FLUSH TABLES WITH READ LOCK";
const UNLOCK: &str = "UNLOCK TABLES; SET SESSION lock_wait_timeout = DEFAULT";
const DOING: &str = "a snapshot cannot be taken";

/// So many connections, and what can be said of the moment that they see.
pub(super) async fn open(target: &Target, timeout: Duration, count: usize) -> Result<(Vec<Connection>, String)> {
    let first = format!("SELECT VERSION(); {BEGIN}");
    let opened = try_join_all((0..count).map(|_| Connection::open(target, timeout, &first))).await?;
    let (mut connections, mut answers): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
    let version = answers.first().and_then(|rows: &TextRows| rows.first()?.first()?.clone()).unwrap_or_default();
    let mut seen = agreed(&answers);
    for _ in 1..ATTEMPTS {
        if count == 1 || seen.is_some() || place(&answers[0]).is_none() {
            break;
        }
        answers = begin(&mut connections).await?;
        seen = agreed(&answers);
    }
    if let Some(place) = seen {
        return Ok((connections, format!("{version}, {place}")));
    }
    let locked = count > 1 && lock(&mut connections).await;
    if !locked && count > 1 {
        begin(&mut connections).await?;
    }
    let place = logged(&mut connections[0]).await;
    if locked {
        connections[0].rows(DOING, UNLOCK).await?;
    }
    let doubt = match count > 1 && !locked {
        true => ", and it could not be shown that all connections see the same",
        false => "",
    };
    Ok((connections, format!("{version}, {place}{doubt}")))
}

/// New snapshots for all, at once; what each has seen.
async fn begin(connections: &mut [Connection]) -> Result<Vec<TextRows>> {
    try_join_all(connections.iter_mut().map(|connection| connection.rows(DOING, BEGIN))).await
}

/// Takes all snapshots while nobody can write. The lock is still held then. False: it was not to be had.
async fn lock(connections: &mut [Connection]) -> bool {
    if let Err(error) = connections[0].rows(DOING, LOCK).await {
        tracing::debug!(%error, "no lock for a snapshot");
        let _ = connections[0].rows(DOING, UNLOCK).await;
        return false;
    }
    begin(connections).await.is_ok()
}

/// The place that all have seen.
fn agreed(answers: &[TextRows]) -> Option<String> {
    let first = place(answers.first()?)?;
    answers.iter().all(|rows| place(rows).as_ref() == Some(&first)).then_some(first)
}

/// The place in the binary log that a snapshot of MariaDB has seen.
fn place(rows: &TextRows) -> Option<String> {
    let value = |name: &str| {
        let row = rows.iter().find(|row| row.len() == 2 && row[0].as_deref() == Some(name))?;
        row[1].clone().filter(|value| !value.is_empty())
    };
    Some(format!("binary log {}:{}", value("Binlog_snapshot_file")?, value("Binlog_snapshot_position")?))
}

/// How far the log is now, as far as the server tells this user. Not under a lock, it may be a little further than the
/// snapshot.
async fn logged(connection: &mut Connection) -> String {
    let is_on = connection.rows(DOING, "SELECT @@GLOBAL.log_bin").await;
    match is_on.ok().and_then(|rows| rows.first()?.first()?.clone()).as_deref() {
        Some("1") => {}
        Some(_) => return "no binary log".into(),
        None => return "position unknown".into(),
    }
    // MySQL's and MariaDB's names of the transactions that are logged.
    for variable in ["gtid_executed", "gtid_binlog_pos"] {
        let rows = connection.rows(DOING, &format!("SELECT @@GLOBAL.{variable}")).await;
        if let Some(position) =
            rows.ok().and_then(|rows| rows.first()?.first()?.clone()).filter(|text| !text.is_empty())
        {
            return format!("gtid {}", position.replace(['\n', ' '], ""));
        }
    }
    "position unknown".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(file: &str, position: &str) -> TextRows {
        let row = |name: &str, value: &str| vec![Some(name.to_string()), Some(value.to_string())];
        vec![
            vec![Some("10.11.6-MariaDB".into())],
            row("Binlog_snapshot_file", file),
            row("Binlog_snapshot_position", position),
        ]
    }

    #[test]
    fn all_have_to_have_seen_the_same() {
        let (one, other) = (status("binlog.000001", "325"), status("binlog.000001", "326"));
        assert_eq!(agreed(&[one.clone(), one.clone()]).as_deref(), Some("binary log binlog.000001:325"));
        assert_eq!(agreed(&[one.clone(), other]), None);
        assert_eq!(agreed(&[one.clone(), status("", "")]), None);
        assert_eq!(agreed(&[one, Vec::new()]), None);
        assert_eq!(agreed(&[]), None);
    }
}
