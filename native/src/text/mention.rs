//! Mentions of people and of their lists, and whom a text replies to.

use super::Span;
use super::chars::{is_at_sign, is_directional, is_latin_accent, is_scheme_end, is_space, run_end};

const MAX_NAME: usize = 20;
const MAX_SLUG: usize = 25;

/// `@name` or `@name/slug`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// All of it, sign included.
    pub(super) span: Span,
    /// Where the name ends and, for a list, its slug begins with the slash.
    pub(super) name_end: usize,
}

/// Returns the mentions of people and lists in `text`. `O(n)`.
pub(super) fn find(text: &[char]) -> Vec<Mention> {
    let mut mentions = Vec::new();
    let (mut at, mut taken) = (0, 0);
    while at < text.len() {
        let found = may_start(text, at, taken).then(|| mention_at(text, at)).flatten();
        match found {
            Some(mention) => {
                (at, taken) = (mention.span.end, mention.span.end);
                mentions.extend((!is_glued(text, at)).then_some(mention));
            }
            None => at += 1,
        }
    }
    mentions
}

/// Returns the name of the person that `text` replies to: the one mentioned before all else.
pub(super) fn reply(text: &[char]) -> Option<Span> {
    let at = run_end(text, 0, |c| is_space(c) || is_directional(c));
    let end = name_end(text, at)?;
    (!is_glued(text, end)).then_some(Span { start: at + 1, end })
}

fn mention_at(text: &[char], at: usize) -> Option<Mention> {
    let name_end = name_end(text, at)?;
    Some(Mention { span: Span { start: at, end: slug_end(text, name_end) }, name_end })
}

fn name_end(text: &[char], at: usize) -> Option<usize> {
    let name = at + 1;
    let signed = text.get(at).is_some_and(|&c| is_at_sign(c));
    let end = if signed { bounded_end(text, name, MAX_NAME, |c| c.is_ascii_alphanumeric() || c == '_') } else { 0 };
    (end > name).then_some(end)
}

fn slug_end(text: &[char], at: usize) -> usize {
    let opens = text.get(at) == Some(&'/') && text.get(at + 1).is_some_and(char::is_ascii_alphabetic);
    let in_slug = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if opens { bounded_end(text, at + 1, MAX_SLUG, in_slug) } else { at }
}

fn bounded_end(text: &[char], at: usize, most: usize, accepts: impl Fn(char) -> bool) -> usize {
    run_end(&text[..text.len().min(at + most)], at, accepts)
}

fn may_start(text: &[char], at: usize, taken: usize) -> bool {
    if !is_at_sign(text[at]) {
        return false;
    }
    let before = &text[taken..at];
    match before.last() {
        None => at == 0,
        Some(&c) => !is_name_like(c) || ends_with_rt(before, taken == 0),
    }
}

fn is_name_like(c: char) -> bool {
    let symbol = matches!(c, '_' | '!' | '#' | '$' | '%' | '&' | '*');
    c.is_ascii_alphanumeric() || symbol || is_at_sign(c)
}

// "RT@name": the old way to say that a tweet repeats another's.
fn ends_with_rt(before: &[char], from_start: bool) -> bool {
    let [rest @ .., 'r' | 'R', 't' | 'T'] = before else {
        return false;
    };
    match rest.last() {
        None => from_start,
        Some(&c) => !(c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '~' | '.' | '-')),
    }
}

// A second sign makes it an address of electronic mail, an accent a longer word.
fn is_glued(text: &[char], at: usize) -> bool {
    text.get(at).is_some_and(|&c| is_at_sign(c) || is_latin_accent(c)) || is_scheme_end(text, at)
}
