//! What two texts may have in common: blanks, case, Unicode forms, encodings, a cut.

use std::collections::HashMap;

use datafusion::arrow::array::AsArray;

use crate::causes::candidate::{Idea, rank};
use crate::causes::chance::Bar;
use crate::causes::kind::CauseKind;
use crate::causes::shape::Pair;
use crate::causes::trial::{Null, Trial};
use crate::rule::sql::literal;
use crate::side::Side;

/// Two sides that write the same differently hold, each for itself, no two spellings of one text; noise of such texts does.
const NULLS: &[Null] = &[Null::Within];

/// The rank says which of two that hold for the same cells is told: the one that says more.
pub fn ideas(pair: &Pair, trial: &Trial) -> Vec<Idea> {
    let mut relations: Vec<(CauseKind, String)> = Vec::new();
    let (source, target) = (&pair.cells.source, &pair.cells.target);
    let trimmed = format!("trim_unicode({source}) = trim_unicode({target})");
    let of = |side: Side| (pair.cells.get(side), pair.cells.get(side.other()));
    for side in Side::BOTH {
        let (more, less) = of(side);
        relations.push((
            CauseKind::TrailingBlanks { more_in: side },
            format!("starts_with({more}, {less}) AND {trimmed} AND {more} <> {less}"),
        ));
        relations.push((
            CauseKind::LeadingBlanks { more_in: side },
            format!("ends_with({more}, {less}) AND {trimmed} AND {more} <> {less}"),
        ));
    }
    relations.push((CauseKind::BlanksAround, trimmed));
    let single = |cells: &String| format!(r"regexp_replace(trim_unicode({cells}), '\s+', ' ', 'g')");
    relations.push((CauseKind::BlanksInside, format!("{} = {}", single(source), single(target))));
    relations.push((CauseKind::Case, format!("lower_unicode({source}) = lower_unicode({target})")));
    for (form, function) in [("canonical", "nfc"), ("compatible", "nfkc")] {
        relations.push((CauseKind::UnicodeForm { form }, format!("{function}({source}) = {function}({target})")));
    }
    for read_as in ["windows-1252", "latin1"] {
        for side in Side::BOTH {
            let (garbled, right) = of(side);
            let relation = format!("{garbled} = misread({right}, {})", literal(read_as));
            relations.push((CauseKind::Mojibake { garbled_in: side, read_as }, relation));
        }
    }
    for side in Side::BOTH {
        let (lost, right) = of(side);
        for replaced_by in ['?', '\u{fffd}'] {
            let by = literal(&replaced_by.to_string());
            let relation = format!(r"{lost} = regexp_replace({right}, '[^\x00-\x7F]', {by}, 'g')");
            relations.push((CauseKind::LostCharacters { lost_in: side, replaced_by }, relation));
        }
    }
    let mut ideas: Vec<Idea> = relations
        .into_iter()
        .zip(rank::TEXT..)
        .map(|((cause, relation), rank)| Idea { cause, relation, rank, bar: Bar::EVIDENT, nulls: NULLS })
        .collect();
    ideas.extend(Side::BOTH.into_iter().filter_map(|side| cut(pair, trial, side)));
    ideas
}

/// The length that most beginnings of the other text have.
fn cut(pair: &Pair, trial: &Trial, side: Side) -> Option<Idea> {
    let (cut, whole) = (trial.cells.get(side).as_string_opt::<i32>()?, trial.cells.get(side.other()));
    let whole = whole.as_string_opt::<i32>()?;
    let mut lengths: HashMap<u64, usize> = HashMap::new();
    for (cut, whole) in cut.iter().zip(whole.iter()) {
        if let (Some(cut), Some(whole)) = (cut, whole)
            && !cut.is_empty()
            && whole.len() > cut.len()
            && whole.starts_with(cut)
        {
            *lengths.entry(cut.chars().count() as u64).or_default() += 1;
        }
    }
    let mut lengths: Vec<(u64, usize)> = lengths.into_iter().collect();
    lengths.sort_by_key(|(length, count)| (std::cmp::Reverse(*count), *length));
    let rival = lengths.get(1).map_or(0, |(_, count)| *count);
    let (characters, _) = *lengths.first()?;
    let (cut, whole) = (pair.cells.get(side), pair.cells.get(side.other()));
    Some(Idea {
        cause: CauseKind::CutText { cut_in: side, characters },
        relation: format!("{cut} = left({whole}, {characters})"),
        rank: rank::NUMBER - 1,
        bar: Bar::FITTED.above(rival as f64 / trial.len().max(1) as f64),
        nulls: NULLS,
    })
}

/// Whether both columns are text.
pub fn is_text(pair: &Pair) -> bool {
    use datafusion::arrow::datatypes::DataType::Utf8;
    pair.types.source == Utf8 && pair.types.target == Utf8
}
