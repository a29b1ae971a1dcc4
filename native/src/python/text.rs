//! Tweet text for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::text::{self, Entity, Kind, ListEntity, Parsed, Rules, Span};

type Named = (String, usize, usize);

#[pyclass(frozen, get_all, module = "aviary._native")]
#[derive(Clone)]
pub(super) struct ParsedText {
    weighted_length: u64,
    valid: bool,
    permillage: u64,
    valid_range: (usize, usize),
    hashtags: Vec<Named>,
    mentions: Vec<Named>,
    lists: Vec<(String, String, usize, usize)>,
    cashtags: Vec<Named>,
    urls: Vec<Named>,
}

impl From<Parsed> for ParsedText {
    fn from(parsed: Parsed) -> Self {
        let Span { start, end } = parsed.weight.valid_range;
        Self {
            weighted_length: parsed.weight.length,
            valid: parsed.weight.valid,
            permillage: parsed.weight.permillage,
            valid_range: (start, end),
            hashtags: named(parsed.hashtags),
            mentions: named(parsed.mentions),
            lists: parsed.lists.into_iter().map(list).collect(),
            cashtags: named(parsed.cashtags),
            urls: named(parsed.urls),
        }
    }
}

fn named(entities: Vec<Entity>) -> Vec<Named> {
    entities.into_iter().map(|Entity { name, span }| (name, span.start, span.end)).collect()
}

fn list(ListEntity { name, slug, span }: ListEntity) -> (String, String, usize, usize) {
    (name, slug, span.start, span.end)
}

#[pyfunction]
#[pyo3(signature = (texts, *, rules=3))]
#[expect(clippy::needless_pass_by_value, reason = "what is extracted from Python is owned")]
pub(super) fn parse_texts(py: Python<'_>, texts: Vec<PyBackedStr>, rules: u8) -> PyResult<Vec<ParsedText>> {
    let unknown = || PyValueError::new_err(format!("rules {rules}; published are versions 1 to 3"));
    let rules = Rules::from_version(rules).ok_or_else(unknown)?;
    Ok(py.detach(|| texts.iter().map(|text| text::parse(text, rules).into()).collect()))
}

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what is extracted from Python is owned")]
pub(super) fn text_check(py: Python<'_>, kind: &str, texts: Vec<PyBackedStr>) -> PyResult<Vec<bool>> {
    let unknown = || PyValueError::new_err(format!("kind {kind:?}; known are {}", Kind::NAMES.join(", ")));
    let kind = Kind::from_name(kind).ok_or_else(unknown)?;
    Ok(py.detach(|| texts.iter().map(|text| text::is_one(text, kind)).collect()))
}

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what is extracted from Python is owned")]
pub(super) fn reply_screen_names(py: Python<'_>, texts: Vec<PyBackedStr>) -> Vec<Option<String>> {
    py.detach(|| texts.iter().map(|text| text::reply_to(text)).collect())
}
