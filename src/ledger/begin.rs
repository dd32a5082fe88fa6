//! The first entry of a ledger: once a store, it is shown to create only what is absent; and what is there already is named.

use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::error::{Error, ErrorKind, Result};
use crate::ledger::entry::{Before, Entry, Event};
use crate::ledger::{Head, Ledger};

/// Where results are.
pub const RESULTS: [&str; 4] = ["runs", "divergences", "open", crate::divergence::ACKS];

impl Ledger {
    /// The newest entry; where there is none, the first one is made. `scratch` is a folder below the output for what does not
    /// stay.
    pub async fn begin(&self, scratch: &str) -> Result<Head> {
        let head = self.head().await?;
        if head.number > 0 {
            return Ok(head);
        }
        self.probe(scratch).await?;
        let mut before: Vec<Before> = Vec::new();
        for (path, bytes) in self.results().await? {
            before.push(Before { path, bytes });
        }
        let first = Entry::after(&head, Event::Begun { before }).encode()?;
        // Whether it is ours, or that of another process that was faster, is no matter.
        self.created(1, &first).await?;
        match self.head().await? {
            head if head.number > 0 => Ok(head),
            _ => Err(Error::new(ErrorKind::Output, format!("{} forgets what is put there", self.display()))),
        }
    }

    fn unwritable(&self, error: object_store::Error) -> Error {
        Error::new(ErrorKind::Output, format!("the output {} cannot be written to", self.display()))
            .hint("check that it exists or can be made, and that you may write there; or choose another with --out")
            .source(error)
    }

    /// All objects where results are, below the output, with their sizes; by name.
    pub(super) async fn results(&self) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for folder in RESULTS {
            found.extend(self.objects(folder).await?);
        }
        found.sort();
        Ok(found)
    }

    /// All objects in a folder below the output, by their paths there, with their sizes.
    pub(super) async fn objects(&self, folder: &str) -> Result<Vec<(String, u64)>> {
        let objects = self.store().list(Some(&self.below(folder)));
        let objects: Vec<_> = objects.try_collect().await.map_err(|error| self.unreadable(error))?;
        let path = |object: &object_store::path::Path| {
            let parts = object.prefix_match(&self.located.prefix)?;
            Some(parts.map(|part| part.as_ref().to_string()).collect::<Vec<_>>().join("/"))
        };
        Ok(objects.iter().filter_map(|object| Some((path(&object.location)?, object.size))).collect())
    }

    /// An object that is created twice must be refused the second time: else two processes could write one number.
    async fn probe(&self, scratch: &str) -> Result<()> {
        let path = self.below(scratch).join("probe");
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = || self.store().put_opts(&path, PutPayload::from_static(b"probe"), create());
        let refused = |why: &str| {
            let message = format!("the output {} cannot hold a ledger: {why}", self.display());
            Error::new(ErrorKind::Output, message).hint(
                "choose a folder, or object storage that honours `If-None-Match: *` (S3, Google Cloud Storage, Azure)",
            )
        };
        for _ in 0..3 {
            match put().await {
                Ok(_) => break,
                // Its own second try may have met what the first had stored; or it takes one for two at once, and nothing is there.
                Err(object_store::Error::AlreadyExists { .. }) if self.store().head(&path).await.is_ok() => break,
                Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(
                    error @ (object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }),
                ) => {
                    return Err(refused("it does not know how to create an object only if there is none").source(error));
                }
                Err(error) => return Err(self.unwritable(error)),
            }
        }
        let second = put().await;
        if let Err(error) = self.store().delete(&path).await {
            tracing::debug!(%path, %error, "a probe could not be removed");
        }
        if let Some(root) = &self.located.local {
            // Where it was alone there.
            let _ = std::fs::remove_dir(root.join(scratch));
            let _ = std::fs::remove_dir(root.join(crate::divergence::UNFINISHED));
        }
        match second {
            Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Ok(_) => Err(refused("it replaces an object that was to be created only if there was none")),
            Err(error) => Err(self.unwritable(error)),
        }
    }
}
