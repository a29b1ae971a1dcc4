//! Cashtags: `$TEST`, `$TEST.X`.

use super::Span;
use super::chars::{is_directional, is_punctuation, is_space, run_end};

const MAX_SYMBOL: usize = 6;
const MAX_CLASS: usize = 2;

/// Returns the cashtags in `text`, sign included. `O(n)`.
pub(super) fn find(text: &[char]) -> Vec<Span> {
    let signs = (0..text.len()).filter(|&at| text[at] == '$' && is_free_before(text, at));
    signs.filter_map(|start| tag_end(text, start).map(|end| Span { start, end })).collect()
}

fn is_free_before(text: &[char], at: usize) -> bool {
    at == 0 || is_space(text[at - 1]) || is_directional(text[at - 1])
}

fn tag_end(text: &[char], at: usize) -> Option<usize> {
    let symbol = letters_end(text, at + 1, MAX_SYMBOL)?;
    let with_class =
        matches!(text.get(symbol), Some('.' | '_')).then(|| letters_end(text, symbol + 1, MAX_CLASS)).flatten();
    [with_class, Some(symbol)].into_iter().flatten().find(|&end| may_end(text, end))
}

fn letters_end(text: &[char], at: usize, most: usize) -> Option<usize> {
    let end = run_end(&text[..text.len().min(at + most)], at, |c| c.is_ascii_alphabetic());
    (end > at).then_some(end)
}

fn may_end(text: &[char], at: usize) -> bool {
    text.get(at).is_none_or(|&c| c.is_whitespace() || is_punctuation(c))
}
