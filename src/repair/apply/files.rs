//! Carrying out a plan on files: those that hold rows to change are written anew below the output, and both sides are compared with the
//! copies in place of their originals. Only where it is asked for, and is one step, a copy replaces its original, which is kept.
//!
//! A file is changed as a whole, so what became of it is seen in its hash: an attempt that was cut off has replaced it, or has not.

use std::path::Path;

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::record_batch::RecordBatch;

use crate::dataset::store::{Located, locate};
use crate::dataset::{Change, Copied, FileChanges, Opened, Replaced, Rewritten};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::StoredFile;
use crate::repair::action::{Action, Actions, from_parquet};
use crate::repair::apply::fate::{self, Changed, Fate};
use crate::repair::apply::{Came, FileWritten, Telling, Work, side_of, verify};
use crate::repair::plans::{Found, Plans};
use crate::rule::plan::{ColumnPlan, ReadFrom};
use crate::run::Look;

/// What there is to do.
pub enum Way {
    /// Nothing: an earlier attempt has replaced the file, which is still what it was replaced by.
    There(Replaced),
    /// The file is still what the plan that is taken back has made of it: its original comes back as it was, byte for byte.
    Back(Replaced),
    /// Nothing: another process has taken the plan back by now.
    WasBack,
    /// Row by row.
    Rows { in_place: bool },
}

/// Looks what there is to do, and whether it can be done, before anything is told or written.
pub async fn ready(work: &Work<'_>, look: &Look, opened: &Opened) -> Result<Way> {
    if let Some(replaced) = work.found.replaced() {
        let now = opened.sha256_of(&replaced.file).await?;
        if now == replaced.sha256 {
            return Ok(Way::There(replaced.clone()));
        }
        if now != replaced.kept_sha256 {
            let message = format!("{} is neither what the plan found nor what it wrote", replaced.file);
            return Err(Error::new(ErrorKind::Changed, message)
                .hint("somebody else wrote it since: nothing was changed; run the rule again and plan anew"));
        }
    }
    let Some(earlier) = &work.manifest.reverts else {
        let in_place = work.manner.in_place;
        if in_place {
            let (_, copies) = opened.rewrite(&Open::of(work).changes(work, look)?, None).await?;
            opened.check_replaceable(&copies.iter().map(|copy| copy.original.as_deref()).collect::<Vec<_>>())?;
        }
        return Ok(Way::Rows { in_place });
    };
    match work.plans.find(earlier)?.replaced() {
        Some(replaced) => {
            opened.check_replaceable(&[Some(&replaced.file)])?;
            Ok(match opened.sha256_of(&replaced.file).await? {
                now if now == replaced.sha256 => Way::Back(replaced.clone()),
                now if now == replaced.kept_sha256 => Way::WasBack,
                _ => Way::Rows { in_place: true },
            })
        }
        None => Err(Error::new(ErrorKind::Internal, "corrected copies are not taken back")),
    }
}

/// Actions that are to be done, by their numbers.
struct Open(Vec<usize>);

impl Open {
    fn of(work: &Work<'_>) -> Self {
        let actions = &work.actions.actions;
        Self((0..actions.len()).filter(|n| actions[*n].refused.is_none()).collect())
    }

    fn changes(&self, work: &Work<'_>, look: &Look) -> Result<FileChanges> {
        let side = side_of(work.manifest)?;
        let place = |column: &ColumnPlan| match &column.read.get(side).from {
            ReadFrom::Column(name) => work.actions.before.schema().index_of(name).ok(),
            _ => None,
        };
        // A key of which a part is computed tells nothing here.
        let key: Option<Vec<usize>> = look.plan.key.iter().map(place).collect();
        let indices = UInt32Array::from_iter_values(self.0.iter().map(|n| *n as u32));
        let is = |of: &dyn Fn(&Action) -> bool| self.0.iter().map(|n| of(&work.actions.actions[*n])).collect();
        Ok(FileChanges {
            before: take_record_batch(&work.actions.before, &indices)?,
            has_before: is(&Action::has_before),
            after: take_record_batch(&work.actions.after, &indices)?,
            has_after: is(&Action::has_after),
            key: key.unwrap_or_default(),
            // Of what is put back, only the rows themselves tell whether it is there.
            only_new: work.manifest.reverts.is_some(),
        })
    }
}

/// Where copies are put: below the output, or, of a dry run, where nobody looks.
enum Place<'a, 'b> {
    Output(&'a mut Telling<'b>),
    Nowhere(tempfile::TempDir),
}

impl Place<'_, '_> {
    async fn copies(&self, work: &Work<'_>) -> Result<Located> {
        match self {
            Place::Output(telling) => work.plans.located.folder(&telling.place(FILES)),
            Place::Nowhere(folder) => locate(&folder.path().to_string_lossy()).await,
        }
    }
}

const FILES: &str = "files";
const ORIGINALS: &str = "originals";

pub async fn carry_out(
    work: &Work<'_>,
    look: &Look,
    opened: &Opened,
    way: Way,
    telling: Option<&mut Telling<'_>>,
) -> Result<Came> {
    let mut came = Came {
        fates: Vec::new(),
        before: work.actions.before.clone(),
        after: work.actions.after.clone(),
        verified: Vec::new(),
        inputs: look.inputs().await?,
        files: Vec::new(),
    };
    let mut fates: Vec<Option<Fate>> =
        work.actions.actions.iter().map(|action| action.refused.clone().map(Fate::Refused)).collect();
    let place = match telling {
        Some(telling) => Place::Output(telling),
        None => Place::Nowhere(tempfile::tempdir().map_err(no_room)?),
    };
    match way {
        Way::There(replaced) => {
            earlier(work, &mut fates).await?;
            came.files.push(written(work, &replaced));
            came.fates = ended(fates);
            came.verified = verify::by_looking(look, work, None, &came.fates, &[]).await?;
        }
        Way::Back(earlier) => {
            fates.iter_mut().filter(|fate| fate.is_none()).for_each(|fate| *fate = Some(Fate::Applied));
            came.fates = ended(fates);
            if let Place::Output(telling) = place {
                let back = Copy { path: &earlier.kept, sha256: &earlier.kept_sha256, file: &earlier.file };
                let replaced = replace(work, opened, telling, &back, Vec::new(), &mut came.fates).await?;
                came.files.extend(replaced.as_ref().map(|replaced| written(work, replaced)));
            }
            came.verified = vec![None; came.fates.len()];
        }
        Way::WasBack => {
            fates.iter_mut().filter(|fate| fate.is_none()).for_each(|fate| *fate = Some(Fate::Done));
            came.fates = ended(fates);
            came.verified = vec![None; came.fates.len()];
        }
        Way::Rows { in_place } => rows(work, look, opened, in_place, place, fates, &mut came).await?,
    }
    Ok(came)
}

async fn rows(
    work: &Work<'_>,
    look: &Look,
    opened: &Opened,
    in_place: bool,
    place: Place<'_, '_>,
    mut fates: Vec<Option<Fate>>,
    came: &mut Came,
) -> Result<()> {
    settle(look, work, &mut fates).await?;
    let open = Open((0..fates.len()).filter(|n| fates[*n].is_none()).collect());
    let at = place.copies(work).await?;
    let (told, copies) = opened.rewrite(&open.changes(work, look)?, Some(&at)).await?;
    opened.verify_unchanged().await?;
    for (n, told) in open.0.iter().zip(told) {
        fates[*n] = Some(fate(work, *n, told));
    }
    came.fates = ended(fates);
    came.files = copies.iter().map(FileWritten::copied).collect();
    let mut is_replaced = false;
    if let Place::Output(telling) = place {
        let below = |copy: &Copied| telling.place(&format!("{FILES}/{}", copy.path));
        let stored = |copy: &Copied| StoredFile {
            path: below(copy),
            sha256: copy.sha256.clone(),
            bytes: copy.bytes,
            rows: copy.rows,
        };
        let files: Vec<StoredFile> = copies.iter().map(stored).collect();
        came.files.iter_mut().zip(&files).for_each(|(written, file)| written.copy = Some(shown(work, &file.path)));
        match (&copies[..], in_place) {
            ([], _) => {}
            ([Copied { original: Some(original), .. }], true) => {
                let copy = Copy { path: &files[0].path, sha256: &files[0].sha256, file: original };
                let (path, sha256) = (copy.path.to_string(), copy.sha256.to_string());
                let copy = Copy { path: &path, sha256: &sha256, file: original };
                is_replaced = replace(work, opened, telling, &copy, files, &mut came.fates).await?.is_some();
                came.files.iter_mut().for_each(|written| written.in_place = is_replaced);
            }
            _ => {
                let table = table(work, &came.fates)?;
                telling.tell(&table, files, None).await?;
            }
        }
    }
    if is_replaced {
        work.options.databases.close().await;
        let later = Look::open(work.project, work.rule, &work.manifest.run_id, work.options).await?;
        came.verified = verify::by_looking(&later, work, None, &came.fates, &[]).await?;
        came.inputs = later.inputs().await?;
        return Ok(());
    }
    let instead = match copies.is_empty() {
        true => None,
        false => {
            let dataset = work.project.datasets.iter().find(|dataset| dataset.name == work.manifest.dataset);
            let dataset =
                dataset.ok_or_else(|| Error::new(ErrorKind::Changed, "the dataset is gone from the project"))?;
            let table = opened.corrected(&look.engine().ctx, dataset, &copies, &at).await?;
            Some((side_of(work.manifest)?, table))
        }
    };
    came.verified = verify::by_looking(look, work, instead, &came.fates, &[]).await?;
    Ok(())
}

/// What comes in place of a file.
struct Copy<'a> {
    /// Below the output.
    path: &'a str,
    sha256: &'a str,
    file: &'a str,
}

/// Replaces a file, which is kept, and told of before. None: it was not replaced, and the fates tell why.
async fn replace(
    work: &Work<'_>,
    opened: &Opened,
    telling: &mut Telling<'_>,
    copy: &Copy<'_>,
    mut files: Vec<StoredFile>,
    fates: &mut [Fate],
) -> Result<Option<Replaced>> {
    let output = &work.plans.located;
    let name = Path::new(copy.file).file_name().map_or("file".into(), |name| name.to_string_lossy().into_owned());
    let kept = telling.place(&format!("{ORIGINALS}/{name}"));
    let replaced = opened.keep(copy.file, (copy.path, copy.sha256), output, &kept).await?;
    files.push(StoredFile { path: kept, sha256: replaced.kept_sha256.clone(), bytes: replaced.kept_bytes, rows: 0 });
    telling.tell(&table(work, fates)?, files, Some(replaced.clone())).await?;
    let Err(error) = opened.replace(&replaced, output).await else { return Ok(Some(replaced)) };
    // Whether it was done is seen in the file.
    let later = Look::open(work.project, work.rule, &work.manifest.run_id, work.options).await?;
    let now = later.opened(side_of(work.manifest)?).await?.sha256_of(copy.file).await?;
    if now == copy.sha256 {
        return Ok(Some(replaced));
    }
    let why = error.to_string();
    fates.iter_mut().filter(|fate| **fate == Fate::Applied).for_each(|fate| *fate = Fate::Failed(why.clone()));
    telling.tell(&table(work, fates)?, Vec::new(), None).await?;
    Ok(None)
}

/// New rows are made only if what they were to mend still diverges: a file has nothing that keeps a row from coming twice.
async fn settle(look: &Look, work: &Work<'_>, fates: &mut [Option<Fate>]) -> Result<()> {
    let actions = &work.actions.actions;
    let new: Vec<usize> =
        (0..fates.len()).filter(|n| fates[*n].is_none() && actions[*n].change == Change::Insert).collect();
    if new.is_empty() || work.manifest.reverts.is_some() {
        return Ok(());
    }
    let open = verify::diverging(look, work, None).await?;
    for n in new {
        fates[n] = match open.get(&actions[n].divergence_id) {
            Some(still) if still.kind == actions[n].kind.as_str() => None,
            Some(_) => Some(Fate::Stale("a row with its key is there by now, with other values".into())),
            None => Some(Fate::Done),
        };
    }
    Ok(())
}

fn fate(work: &Work<'_>, n: usize, told: Rewritten) -> Fate {
    let is_put_back = work.manifest.reverts.is_some() && work.actions.actions[n].change == Change::Insert;
    match told {
        Rewritten::Applied => Fate::Applied,
        Rewritten::Done if is_put_back => {
            Fate::Stale("a row with the same cells is there: whether it is another one cannot be told".into())
        }
        Rewritten::Done => Fate::Done,
        Rewritten::Unfit(why) => Fate::Failed(why),
        Rewritten::Stale => Fate::Stale("the row is not there as it was when the plan was made".into()),
    }
}

/// What the attempt that has replaced the file has told.
async fn earlier(work: &Work<'_>, fates: &mut [Option<Fate>]) -> Result<()> {
    let attempts = work.found.attempts.iter().rev();
    let last = attempts.filter(|attempt| attempt.replaced.is_some()).find_map(|attempt| attempt.batches.last());
    let Some(file) = last else { return Ok(()) };
    for (n, fate) in fate::of_table(&from_parquet(work.plans.stored(file).await?)?)? {
        if let Some(own) = fates.get_mut(n).filter(|own| own.is_none()) {
            *own = Some(fate);
        }
    }
    Ok(())
}

/// What a plan has changed in the file that it has replaced.
pub async fn changed(plans: &Plans, found: &Found, actions: &Actions) -> Result<Changed> {
    let attempts = found.attempts.iter().rev().filter(|attempt| attempt.replaced.is_some());
    if let Some(file) = attempts.filter_map(|attempt| attempt.batches.last()).next() {
        return Changed::of_table(&from_parquet(plans.stored(file).await?)?, actions);
    }
    if found.attempts.iter().any(|attempt| !attempt.batches.is_empty()) {
        let error =
            Error::new(ErrorKind::Usage, "the plan wrote corrected copies: the files themselves are as they were");
        let what = found.digest().to_string();
        return Err(error.context("plan", what).hint("nothing is to be taken back; leave the copies where they are"));
    }
    let none = actions.take(&[])?;
    Ok(Changed { numbers: Vec::new(), before: none.before, after: none.after })
}

/// All actions as they came out.
fn table(work: &Work<'_>, fates: &[Fate]) -> Result<RecordBatch> {
    let actions: Vec<&Action> = work.actions.actions.iter().collect();
    let numbers: Vec<usize> = (0..actions.len()).collect();
    let verified = vec![None; actions.len()];
    fate::table(&actions, &numbers, &work.actions.before, &work.actions.after, fates, &verified)
}

fn ended(fates: Vec<Option<Fate>>) -> Vec<Fate> {
    fates.into_iter().map(|fate| fate.unwrap_or_else(|| Fate::Left("it was not come to".into()))).collect()
}

fn no_room(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Resources, "there is no room for copies to look at").source(error)
}

/// A place below the output, for people.
fn shown(work: &Work<'_>, path: &str) -> String {
    format!("{}/{path}", work.plans.located.display)
}

/// A file that was replaced as a whole.
fn written(work: &Work<'_>, replaced: &Replaced) -> FileWritten {
    let copy = Some(shown(work, &replaced.from));
    FileWritten { file: Some(replaced.file.clone()), copy, in_place: true, rows: None, changed: None }
}

impl FileWritten {
    fn copied(copy: &Copied) -> Self {
        let (rows, changed) = (Some(copy.rows), Some(copy.changed));
        Self { file: copy.original.clone(), copy: None, in_place: false, rows, changed }
    }
}
