//! Columns that line up, by the width that a terminal gives to each character.

use console::measure_text_width;
use datafusion::arrow::datatypes::DataType;

/// One cell: what is measured, and what is written in its place (the same text with colour).
#[derive(Debug, Clone)]
pub struct Cell {
    plain: String,
    painted: String,
}

impl Cell {
    pub fn painted(plain: impl Into<String>, paint: impl FnOnce(&str) -> String) -> Self {
        let plain = plain.into();
        let painted = paint(&plain);
        Self { plain, painted }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        let plain = text.into();
        Self { painted: plain.clone(), plain }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

impl Align {
    /// Numbers to the right, everything else to the left.
    pub fn of(data_type: &DataType) -> Self {
        if data_type.is_numeric() { Align::Right } else { Align::Left }
    }
}

#[derive(Debug)]
enum Line {
    Cells(Vec<Cell>),
    /// Dashes as wide as the columns.
    Rule,
}

/// Rows of cells; a short row leaves its last columns empty.
#[derive(Debug)]
pub struct Table {
    align: Vec<Align>,
    lines: Vec<Line>,
}

impl Table {
    pub fn new(align: impl Into<Vec<Align>>) -> Self {
        Self { align: align.into(), lines: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> &mut Self {
        self.lines.push(Line::Cells(cells.into_iter().collect()));
        self
    }

    /// A line of dashes.
    pub fn rule(&mut self) -> &mut Self {
        self.lines.push(Line::Rule);
        self
    }

    /// The width of each column.
    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.align.len()];
        for line in &self.lines {
            let Line::Cells(cells) = line else { continue };
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(measure_text_width(&cell.plain));
            }
        }
        widths
    }

    /// Each line starts with `indent` and ends with a newline; columns stand two blanks apart.
    pub fn render(&self, indent: &str) -> String {
        let widths = self.widths();
        let dashes: Vec<Cell> = widths.iter().map(|width| "-".repeat(*width).into()).collect();
        let mut out = String::new();
        for line in &self.lines {
            out.push_str(indent);
            out.push_str(&match line {
                Line::Cells(cells) => self.line(cells, &widths),
                Line::Rule => self.line(&dashes, &widths),
            });
            out.push('\n');
        }
        out
    }

    fn line(&self, cells: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        // Blanks are held back until something follows them: no line ends in blanks.
        let mut held = 0;
        for ((cell, align), width) in cells.iter().zip(&self.align).zip(widths) {
            if cell.plain.is_empty() {
                held += width + 2;
                continue;
            }
            let gap = width.saturating_sub(measure_text_width(&cell.plain));
            let (before, after) = if *align == Align::Right { (gap, 0) } else { (0, gap) };
            line.extend(std::iter::repeat_n(' ', held + before));
            line.push_str(&cell.painted);
            held = after + 2;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = Table::new([Align::Left, Align::Right, Align::Left]);
        table.row(["name".into(), "rows".into(), "note".into()]).rule();
        table.row(["東京".into(), "7".into(), "".into()]);
        table.row(["é".into(), Cell::painted("12345", |t| format!("\u{1b}[1m{t}\u{1b}[0m")), "x".into()]);
        assert_eq!(
            table.render(" ").replace('\u{1b}', "^"),
            concat!(" name   rows  note\n", " ----  -----  ----\n", " 東京      7\n", " é     ^[1m12345^[0m  x\n")
        );
    }
}
