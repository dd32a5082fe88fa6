//! The way back: a plan of its own, of the images that were really there, which is carried out like any other and can be taken back itself.

use crate::dataset::{Change, Writable};
use crate::error::{Error, ErrorKind, Result};
use crate::project::model::Project;
use crate::repair::action::{Action, Actions, differing};
use crate::repair::apply::{Applied, Changed, Manner, Work, apply, changed, of_rule, side_of};
use crate::repair::approve::allowed;
use crate::repair::manifest::short;
use crate::repair::plan::{Draft, needed, ordered};
use crate::repair::plans::{Found, Plans};
use crate::run::{Look, RunOptions};
use crate::side::Side;

/// Puts back what a plan has changed, where nobody else has changed it since.
pub async fn revert(
    project: &Project,
    plans: &Plans,
    found: &Found,
    manner: &Manner,
    options: &RunOptions,
) -> Result<Applied> {
    let manifest = plans.manifest(found).await?;
    let actions = plans.actions(found, &manifest).await?;
    if found.attempts.last().is_some_and(|attempt| attempt.finished.is_none()) {
        let error = Error::new(
            ErrorKind::Usage,
            "the plan was cut off while it was carried out: what became of it is not known yet",
        );
        return Err(error
            .context("plan", short(found.digest()).to_string())
            .hint("`tieout repair apply` goes on with it; take it back then"));
    }
    let rule = of_rule(project, &manifest, found.digest(), true)?;
    let look = Look::open(project, rule, &manifest.run_id, options).await?;
    let side = side_of(&manifest)?;
    let opened = look.opened(side).await?;
    let writable = opened.writable().await?;
    manifest.check_table(&writable)?;
    let changed = changed(plans, found, &actions, &writable).await?;
    if changed.numbers.is_empty() {
        let error = Error::new(ErrorKind::Usage, "nothing was changed by the plan, so nothing can be taken back");
        return Err(error
            .context("plan", short(found.digest()).to_string())
            .hint("`tieout repair history` tells what became of it"));
    }
    check_allowed(project, plans, found, &look, side).await?;
    let Changed { numbers, before, after } = changed;
    let planned = actions.take(&numbers)?;
    // No row was changed that was not what the plan says.
    let had = |row: usize| planned.actions[row].has_before();
    if differing(&before, &planned.before)?.iter().enumerate().any(|(row, columns)| had(row) && !columns.is_empty()) {
        let error = Error::new(ErrorKind::Changed, "what is recorded of the plan's rows is not what the plan says");
        return Err(error.hint("nothing was taken back; `tieout ledger verify` tells what was changed"));
    }
    let differ = differing(&before, &after)?;
    let turn = |(action, columns)| turned(action, found.digest(), &writable, columns);
    let turned = planned.actions.iter().zip(differ).map(turn).collect();
    let mut inverse = Actions { actions: turned, key: planned.key, before: after, after: before };
    ordered(&writable, &mut inverse)?;
    let draft = Draft {
        rule,
        run_id: &manifest.run_id,
        side,
        look: &look,
        opened: &opened,
        writable: &writable,
        authority: format!("as it was before the plan {}", short(found.digest())),
        table_rows: manifest.table_rows,
        reverts: Some(found.digest().to_string()),
    };
    let named = draft.store(plans, inverse).await?;
    drop(look);
    options.databases.close().await;
    let plans = Plans::of(plans.located.clone()).await?;
    let found = plans.find(&named.plan)?;
    let actions = plans.actions(found, &named.manifest).await?;
    let manner = &Manner { back: true, ..manner.clone() };
    let work =
        Work { project, rule, plans: &plans, found, manifest: &named.manifest, actions: &actions, manner, options };
    apply(&work).await
}

/// What is taken back must have been allowed when it was done: the plan that stands at the beginning.
async fn check_allowed(project: &Project, plans: &Plans, found: &Found, look: &Look, side: Side) -> Result<()> {
    let mut root = found;
    while let Some(earlier) = &root.planned.reverts {
        root = plans.find(earlier)?;
    }
    let manifest = plans.manifest(root).await?;
    let actions = plans.actions(root, &manifest).await?;
    let (Some(rule), Some(attempt)) =
        (project.rules.iter().find(|rule| rule.name == manifest.rule), root.attempts.first())
    else {
        return Err(Error::new(ErrorKind::Changed, "the plan that is to be taken back was never begun"));
    };
    let needed = needed(project, rule, look, side, &actions, manifest.table_rows);
    allowed(project, root, &manifest, needed, (attempt.at, None))
}

/// The action that takes another one back; `differ`: the columns in which the rows before and after are not the same.
fn turned(action: &Action, plan: &str, writable: &Writable, differ: Vec<usize>) -> Action {
    let given = |n: &usize| writable.columns[*n].generated.is_none();
    let (change, set): (Change, Vec<usize>) = match action.change {
        Change::Update => (Change::Update, differ.into_iter().filter(given).collect()),
        Change::Delete => (Change::Insert, (0..writable.columns.len()).filter(given).collect()),
        Change::Insert => (Change::Delete, Vec::new()),
    };
    let others = writable.changed_with(change, &set);
    Action {
        change,
        step: 0,
        reason: format!("takes back the plan {}", short(plan)),
        refused: others.map(|one| format!("rows of {} would change with it ({})", one.table, one.constraint)),
        set,
        ..action.clone()
    }
}
