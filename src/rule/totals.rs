//! A totals rule is a match rule over the aggregates of both sides: its groups are the key, its totals the values.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;
use minijinja::context;

use crate::error::Result;
use crate::project::model::{ColumnRule, Fragment, MatchRule, TotalsRule};
use crate::rule::columns::pair;
use crate::rule::plan::{MatchPlan, Relation};
use crate::rule::position::locate;
use crate::rule::resolve::resolve;
use crate::rule::sql::{Item, ident, literal, render};
use crate::side::{BySide, Side};

/// The key of a rule without `group_by`: one row, whose group is `all`.
const WHOLE: &str = "group";

pub async fn resolve_totals(
    ctx: &SessionContext,
    name: &str,
    rule: &TotalsRule,
    relations: BySide<Relation>,
    started: DateTime<Utc>,
) -> Result<MatchPlan> {
    let pairing = pair(&relations.source.schema, &relations.target.schema, &rule.map)?;
    let aggregated = |side: Side| {
        let relation = relations.get(side);
        // Target columns under the source's names.
        let columns: Vec<Item> = relation
            .schema
            .fields()
            .iter()
            .map(|field| {
                let renamed = pairing.pairs.iter().find(|(_, target)| side == Side::Target && target == field.name());
                Item { sql: ident(field.name()), name: ident(renamed.map_or(field.name(), |(source, _)| source)) }
            })
            .collect();
        aggregate(ctx, rule, side, relation, columns, started)
    };
    let sides = BySide::new(aggregated(Side::Source).await?, aggregated(Side::Target).await?);
    let groups = rule.group_by.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let synthetic = MatchRule {
        dataset: rule.dataset.clone(),
        key: if groups.is_empty() { vec![WHOLE.to_string()] } else { groups },
        filter: None,
        side_filter: BySide::default(),
        columns: rule
            .tolerance
            .iter()
            .map(|(name, tolerance)| {
                (name.clone(), ColumnRule { tolerance: Some(tolerance.clone()), ..ColumnRule::default() })
            })
            .collect(),
        only: None,
        map: BTreeMap::new(),
        settle: None,
        recheck: None,
    };
    resolve(ctx, name, &synthetic, sides, started).await
}

async fn aggregate(
    ctx: &SessionContext,
    rule: &TotalsRule,
    side: Side,
    relation: &Relation,
    columns: Vec<Item>,
    started: DateTime<Utc>,
) -> Result<Relation> {
    let item = |(name, fragment): &(String, Fragment)| Item { sql: fragment.inline(), name: ident(name) };
    let totals: Vec<Item> = rule.totals.iter().map(item).collect();
    let mut groups: Vec<Item> = rule.group_by.iter().map(item).collect();
    let grouped = !groups.is_empty();
    if !grouped {
        groups.push(Item { sql: literal("all"), name: ident(WHOLE) });
    }
    let filters: Vec<String> = rule.filter.iter().map(|fragment| format!("({})", fragment.inline())).collect();
    let (mut filters, mut portable_filters) = (filters.clone(), filters);
    if let Some(settle) = &rule.settle {
        let cutoff = started - chrono::TimeDelta::from_std(settle.wait).unwrap_or(chrono::TimeDelta::MAX);
        let cutoff = literal(&cutoff.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
        let utc = relation.schema.fields().iter().any(|field| {
            *field.name() == settle.column && matches!(field.data_type(), DataType::Timestamp(_, Some(_)))
        });
        let plain = match utc {
            true => format!("TIMESTAMP WITH TIME ZONE {cutoff}"),
            false => format!("TIMESTAMP {}", cutoff.replace("Z'", "'")),
        };
        portable_filters.push(format!("({} <= {plain}) IS NOT FALSE", ident(&settle.column)));
        let cutoff = match utc {
            true => format!("arrow_cast({cutoff}, 'Timestamp(Microsecond, Some(\"UTC\"))')"),
            false => format!("arrow_cast({}, 'Timestamp(Microsecond, None)')", cutoff.replace("Z'", "'")),
        };
        filters.push(format!("({} <= {cutoff}) IS NOT FALSE", ident(&settle.column)));
    }
    let side_filter = rule.side_filter.get(side).as_ref().map(Fragment::inline);
    let values = context! { groups, totals, columns => columns.clone(), side_filter, grouped, side => side.as_str() };
    let from = render("totals", context! { filters, from => relation.from.clone(), ..values.clone() })?;
    let portable =
        render("totals", context! { filters => portable_filters, from => relation.portable.clone(), ..values })?;
    match ctx.sql(&format!("SELECT * FROM {from}")).await {
        Ok(frame) => {
            Ok(Relation { from, portable, schema: frame.schema().as_arrow().clone(), exact_rows: None, opened: None })
        }
        Err(error) => Err(culprit(ctx, rule, side, relation, &columns).await.unwrap_or_else(|| error.into())),
    }
}

/// The fragment that does not plan by itself, and where it stands.
async fn culprit(
    ctx: &SessionContext,
    rule: &TotalsRule,
    side: Side,
    relation: &Relation,
    columns: &[Item],
) -> Option<crate::error::Error> {
    let list = columns.iter().map(|c| format!("{} AS {}", c.sql, c.name)).collect::<Vec<_>>().join(", ");
    let named = format!("(SELECT {list} FROM {}) AS {side}", relation.from);
    let expressions = rule.group_by.iter().chain(&rule.totals).map(|(_, fragment)| (fragment, false));
    let filters = rule.filter.iter().map(|fragment| (fragment, true));
    for (fragment, filter) in expressions.chain(filters) {
        let sql = match filter {
            false => format!("SELECT {} FROM {named}", fragment.inline()),
            true => format!("SELECT 1 FROM {named} WHERE {}", fragment.inline()),
        };
        if let Err(error) = ctx.sql(&sql).await {
            return Some(locate(error, fragment, &sql).context("side", side.as_str()));
        }
    }
    None
}
