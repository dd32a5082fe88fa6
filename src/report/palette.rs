//! Colour that only repeats what the words say: everything reads the same without it.

use console::Style;

use crate::run::report::Outcome;

/// Which styles are in use. Made by the caller, who knows whether the text goes to a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    colour: bool,
}

impl Palette {
    pub const PLAIN: Palette = Palette { colour: false };

    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    fn paint(self, style: Style, text: &str) -> String {
        if text.is_empty() { String::new() } else { style.force_styling(self.colour).apply_to(text).to_string() }
    }

    pub fn strong(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What a reader may pass over.
    pub fn faint(self, text: &str) -> String {
        self.paint(Style::new().dim(), text)
    }

    /// The source's value where both sides are shown.
    pub fn source(self, text: &str) -> String {
        self.paint(Style::new().red(), text)
    }

    pub fn target(self, text: &str) -> String {
        self.paint(Style::new().green(), text)
    }

    /// The word for an outcome: capitals where something is to be done.
    pub fn word(outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Reconciled => "reconciled",
            Outcome::Inconclusive => "INCONCLUSIVE",
            Outcome::Diverged => "DIVERGED",
        }
    }

    pub fn outcome(self, outcome: Outcome) -> String {
        let style = match outcome {
            Outcome::Reconciled => Style::new().green(),
            Outcome::Inconclusive => Style::new().yellow(),
            Outcome::Diverged => Style::new().red(),
        };
        self.paint(style.bold(), Palette::word(outcome))
    }
}
