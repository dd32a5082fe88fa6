//! The first divergences of a rule, with the differing cells side by side under their key.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use crate::error::Result;
use crate::report::numbers::count;
use crate::report::palette::Palette;
use crate::report::table::{Align, Cell, Table};
use crate::report::text::{Layout, divergences};
use crate::report::value::{Values, cut, cut_pair, escape, pair, quote};
use crate::run::report::RuleReport;
use crate::side::{BySide, Side};

/// The sample under its heading; nothing where there is none.
pub fn sample(rule: &RuleReport, layout: Layout) -> String {
    let Some(batch) = &rule.sample else { return String::new() };
    let body = match if rule.kind == "sql" { violations(batch, layout) } else { rows(batch, layout) } {
        Ok((0, _)) => return String::new(),
        Ok(body) => body,
        // The verdict stands without its illustration.
        Err(error) => return format!("  the sample cannot be shown: {error}\n"),
    };
    // Schema mismatches have their own block.
    let all = divergences(rule) - rule.schema.len() as u64;
    let heading = match (body.0 as u64, all) {
        (1, all) if all > 1 => format!("the first of {} divergences", count(all)),
        (shown, all) if shown < all => format!("the first {} of {} divergences", count(shown), count(all)),
        (1, _) => "the divergence".into(),
        _ => "the divergences".into(),
    };
    format!("  {}\n{}", layout.palette.faint(&heading), body.1)
}

/// The divergence table of a `match` or `totals` rule, by role of its columns.
pub(super) struct Divergences<'a> {
    kind: ArrayRef,
    side: ArrayRef,
    pub(super) key: Vec<(&'a str, Values<'a>)>,
    /// Each compared column, with its cells on both sides.
    pub(super) compared: Vec<(&'a str, BySide<Values<'a>>)>,
    changed: ArrayRef,
    unreadable: Option<&'a ArrayRef>,
}

impl<'a> Divergences<'a> {
    pub(super) fn new(batch: &'a RecordBatch) -> Result<Self> {
        let schema = batch.schema_ref();
        let place = |name: &str| schema.index_of(name);
        let (side, changed) = (place("side")?, place("changed_columns")?);
        let values = |i: usize| Values::new(batch.column(i));
        let mut key = Vec::new();
        for i in side + 1..changed {
            key.push((schema.field(i).name().as_str(), values(i)?));
        }
        let mut compared = Vec::new();
        for i in changed + 1..schema.fields().len() {
            let Some(name) = schema.field(i).name().strip_prefix("source_") else { continue };
            let twin = schema.index_of(&format!("target_{name}"));
            if let Some(twin) = twin.ok().filter(|twin| *twin > changed) {
                compared.push((name, BySide::new(values(i)?, values(twin)?)));
            }
        }
        Ok(Self {
            kind: cast(batch.column(place("kind")?), &DataType::Utf8)?,
            side: cast(batch.column(side), &DataType::Utf8)?,
            key,
            compared,
            changed: batch.column(changed).clone(),
            unreadable: batch.column_by_name("unreadable"),
        })
    }

    pub(super) fn changed(&self, row: usize) -> Result<Vec<String>> {
        if self.changed.is_null(row) {
            return Ok(Vec::new());
        }
        let Some(list) = self.changed.as_list_opt::<i32>() else { return Ok(Vec::new()) };
        let names = cast(&list.value(row), &DataType::Utf8)?;
        Ok(names.as_string::<i32>().iter().flatten().map(str::to_string).collect())
    }

    /// A cell that could not be read as its type, in words.
    fn unreadable(&self, row: usize, side: Side, column: &str) -> Result<Option<String>> {
        Ok(self.unreadable_text(row, side, column)?.map(|text| format!("unreadable {}", quote(&text))))
    }

    /// The text of a cell that could not be read as its type.
    pub(super) fn unreadable_text(&self, row: usize, side: Side, column: &str) -> Result<Option<String>> {
        let Some(list) = self.unreadable.and_then(|array| array.as_list_opt::<i32>()) else { return Ok(None) };
        if list.is_null(row) {
            return Ok(None);
        }
        let cells = list.value(row);
        let Some(cells) = cells.as_any().downcast_ref::<StructArray>() else { return Ok(None) };
        let field = |name: &str| -> Result<Option<ArrayRef>> {
            Ok(cells.column_by_name(name).map(|array| cast(array, &DataType::Utf8)).transpose()?)
        };
        let (Some(sides), Some(names), Some(texts)) = (field("side")?, field("column")?, field("text")?) else {
            return Ok(None);
        };
        let (sides, names, texts) = (sides.as_string::<i32>(), names.as_string::<i32>(), texts.as_string::<i32>());
        Ok((0..cells.len())
            .find(|&i| sides.value(i) == side.as_str() && names.value(i) == column)
            .map(|i| texts.value(i).to_string()))
    }

    fn key(&self, row: usize) -> String {
        let parts: Vec<String> =
            self.key.iter().map(|(name, values)| format!("{} {}", escape(name), values.literal(row))).collect();
        parts.join(", ")
    }

    /// Both cells of a mismatch.
    pub(super) fn cells(&self, row: usize, name: &str, values: &BySide<Values<'_>>) -> Result<(String, String)> {
        let (source, target) = pair(&values.source, &values.target, row);
        Ok((
            self.unreadable(row, Side::Source, name)?.unwrap_or(source),
            self.unreadable(row, Side::Target, name)?.unwrap_or(target),
        ))
    }

    /// The values of a row that stands on one side, but for those that its key already shows.
    fn row_of(&self, row: usize, side: Side) -> Result<String> {
        let mut parts = Vec::new();
        for (name, values) in self.compared.iter().filter(|(name, _)| !self.key.iter().any(|(key, _)| key == name)) {
            let text = match self.unreadable(row, side, name)? {
                Some(text) => text,
                None => values.get(side).literal(row),
            };
            parts.push(format!("{} {text}", escape(name)));
        }
        Ok(parts.join(", "))
    }
}

fn rows(batch: &RecordBatch, layout: Layout) -> Result<(usize, String)> {
    let divergences = Divergences::new(batch)?;
    let kinds = divergences.kind.as_string::<i32>();
    let sides = divergences.side.as_string::<i32>();
    let (mut shown, mut out) = (0, String::new());
    for row in (0..batch.num_rows()).filter(|&row| kinds.value(row) != "schema_mismatch") {
        shown += 1;
        let kind = kinds.value(row);
        let side = if sides.is_valid(row) { sides.value(row) } else { "" };
        // `missing_in_target` says by itself where the row stands.
        let label = if kind == "duplicate_key" { format!("{kind} in the {side}") } else { kind.to_string() };
        let key = divergences.key(row);
        let key = layout.width.map_or(key.clone(), |width| cut(&key, width.saturating_sub(label.len() + 6)));
        let head = if key.is_empty() { label } else { format!("{}: {label}", layout.palette.strong(&key)) };
        out.push_str(&format!("    {head}\n"));
        out.push_str(&match kind {
            "value_mismatch" => mismatch(&divergences, row, layout)?,
            _ => one_side(&divergences, row, if side == "target" { Side::Target } else { Side::Source }, layout)?,
        });
    }
    Ok((shown, out))
}

/// `amount   12.50 -> 12.51`, a line for each column that changed.
fn mismatch(divergences: &Divergences<'_>, row: usize, layout: Layout) -> Result<String> {
    const INDENT: &str = "        ";
    let palette = layout.palette;
    let changed = divergences.changed(row)?;
    let named: Vec<_> = divergences.compared.iter().filter(|(name, _)| changed.iter().any(|c| c == name)).collect();
    let names = named.iter().map(|(name, _)| console::measure_text_width(&escape(name))).max().unwrap_or(0);
    let mut table = Table::new([Align::Left, Align::Right, Align::Left, Align::Left]);
    for (name, values) in named {
        let (mut source, mut target) = divergences.cells(row, name, values)?;
        if let Some(width) = layout.width {
            // What the name, the arrow and the gaps leave, for both values.
            let room = width.saturating_sub(INDENT.len() + names + 8) / 2;
            (source, target) = cut_pair(&source, &target, room.max(12));
        }
        table.row([
            escape(name).into(),
            Cell::painted(source, |t| palette.source(t)),
            "->".into(),
            Cell::painted(target, |t| palette.target(t)),
        ]);
    }
    Ok(table.render(INDENT))
}

fn one_side(divergences: &Divergences<'_>, row: usize, side: Side, layout: Layout) -> Result<String> {
    let text = divergences.row_of(row, side)?;
    if text.is_empty() {
        return Ok(String::new());
    }
    let text = layout.width.map_or(text.clone(), |width| head(&text, width.saturating_sub(8)));
    Ok(format!("        {}\n", paint(layout.palette, side, &text)))
}

fn paint(palette: Palette, side: Side, text: &str) -> String {
    match side {
        Side::Source => palette.source(text),
        Side::Target => palette.target(text),
    }
}

/// A list of values is cut at its end: its first columns say more than its last.
fn head(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// The rows of a `sql` rule, as a table of the rule's own columns.
fn violations(batch: &RecordBatch, layout: Layout) -> Result<(usize, String)> {
    const OURS: [&str; 4] = ["run_id", "divergence_id", "kind", "side"];
    let schema = batch.schema_ref();
    // Only the leading columns are ours: a rule may well return a column named `side`.
    let ours = schema.fields().iter().zip(OURS).take_while(|(field, name)| field.name() == name).count();
    Ok((batch.num_rows(), grid(batch, ours, layout)?))
}

fn grid(batch: &RecordBatch, first: usize, layout: Layout) -> Result<String> {
    let fields = &batch.schema_ref().fields()[first..];
    let columns: Vec<Values<'_>> = batch.columns()[first..].iter().map(Values::new).collect::<Result<_>>()?;
    let widest = layout.width.map(|width| (width.saturating_sub(4) / columns.len().clamp(1, 6)).saturating_sub(2));
    let fit = |text: String| widest.map_or(text.clone(), |widest| cut(&text, widest.max(8)));
    let align: Vec<Align> = fields.iter().map(|f| Align::of(f.data_type())).collect();
    let mut table = Table::new(align);
    table.row(fields.iter().map(|f| Cell::painted(fit(escape(f.name())), |t| layout.palette.faint(t))));
    for row in 0..batch.num_rows() {
        table.row(columns.iter().map(|values| Cell::from(fit(values.literal(row)))));
    }
    let text = table.render("    ");
    Ok(match layout.width {
        Some(width) => text.lines().map(|line| head(line, width) + "\n").collect(),
        None => text,
    })
}
