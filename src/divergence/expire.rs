//! Divergence tables that are no longer kept. The records of their runs stay, and so does what tells how long the others are open.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::divergence::reader::{AT_ONCE, Results, unreadable_runs};
use crate::divergence::recorded::Recorded;
use crate::divergence::stored::Table;
use crate::error::{Error, ErrorKind, Result};

/// The tables of one rule that go.
#[derive(Debug)]
pub struct Expiring {
    pub rule: String,
    /// Tables of runs before this one go, by id.
    pub until: String,
    /// But for what was open after this one.
    pub base: Option<String>,
    pub runs: usize,
    pub files: usize,
    pub bytes: u64,
    paths: Vec<Path>,
}

impl Results {
    /// What goes where only runs since `from` keep their tables; of each rule, the last run that looked at everything and all after it
    /// keep theirs whatever their age: what is open stands in them.
    pub async fn expiring(&self, from: DateTime<Utc>) -> Result<Vec<Expiring>> {
        let recorded = self.recorded()?;
        let mut rules: BTreeMap<&str, Vec<&Recorded>> = BTreeMap::new();
        for one in &recorded {
            rules.entry(&one.rule).or_default().push(one);
        }
        let mut expiring = Vec::new();
        for (rule, mut runs) in rules {
            runs.sort_by_key(|run| &run.run_id);
            let Some(whole) = runs.iter().rposition(|run| run.is_whole()) else { continue };
            let until = runs.iter().position(|run| run.started_at >= from).unwrap_or(whole).min(whole);
            if until > 0 {
                expiring.extend(self.of_rule(rule, &runs[..until], &runs[until].run_id).await?);
            }
        }
        Ok(expiring)
    }

    /// None where nothing is left to go.
    async fn of_rule(&self, rule: &str, gone: &[&Recorded], until: &str) -> Result<Option<Expiring>> {
        let ids: BTreeSet<&str> = gone.iter().map(|run| run.run_id.as_str()).collect();
        let base = gone.last().map(|run| run.run_id.as_str());
        let (mut found, mut runs): (Vec<ObjectMeta>, BTreeSet<String>) = Default::default();
        for table in [Table::Divergences, Table::Open] {
            let parts = [table.folder(), &format!("rule={rule}")];
            let folder = parts.iter().fold(self.located().prefix.clone(), |path: Path, part| path.join(*part));
            let listed = self.located().store.list(Some(&folder)).try_collect::<Vec<_>>().await;
            for object in listed.map_err(unreadable_runs(self.located()))? {
                let run = object.location.parts().rev().nth(1).map(|part| part.as_ref().to_string());
                let Some(run) = run.as_deref().and_then(|run| run.strip_prefix("run=")) else { continue };
                if ids.contains(run) && !(table == Table::Open && base == Some(run)) {
                    runs.insert(run.to_string());
                    found.push(object);
                }
            }
        }
        Ok((!found.is_empty()).then(|| Expiring {
            rule: rule.to_string(),
            until: until.to_string(),
            base: base.map(String::from),
            runs: runs.len(),
            files: found.len(),
            bytes: found.iter().map(|object| object.size).sum(),
            paths: found.into_iter().map(|object| object.location).collect(),
        }))
    }

    /// Removes them. Cut off, it leaves some: the next time they go as well.
    pub async fn expire(&self, expiring: &[Expiring]) -> Result<()> {
        let located = self.located();
        let paths = expiring.iter().flat_map(|one| &one.paths);
        let remove = async |path: &Path| match located.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::new(ErrorKind::Output, format!("{path} cannot be removed"))
                .hint("check that you may delete there; then run the command again: it goes on")
                .source(error)),
        };
        futures::stream::iter(paths).map(remove).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        let Some(root) = &located.local else { return Ok(()) };
        for path in expiring.iter().flat_map(|one| &one.paths) {
            let parts = path.parts().skip(located.prefix.parts().count());
            let file = parts.fold(root.clone(), |folder, part| folder.join(part.as_ref()));
            // Only where nothing else is left.
            let _ = file.parent().map(std::fs::remove_dir);
        }
        Ok(())
    }
}
