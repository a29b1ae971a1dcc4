//! Hashtags.

use super::Span;
use super::chars::{is_digit, is_hash_sign, is_letter_or_mark, is_scheme_end, run_end};

/// Returns the hashtags in `text`, sign included, also those that lie within addresses. `O(n)`.
pub(super) fn find(text: &[char]) -> Vec<Span> {
    let mut tags = Vec::new();
    let (mut at, mut taken) = (0, 0);
    while at < text.len() {
        match tag_end(text, at, taken) {
            Some(end) => {
                let glued = text.get(end).is_some_and(|&c| is_hash_sign(c)) || is_scheme_end(text, end);
                tags.extend((!glued).then_some(Span { start: at, end }));
                (at, taken) = (end, end);
            }
            None => at += 1,
        }
    }
    tags
}

fn tag_end(text: &[char], at: usize, taken: usize) -> Option<usize> {
    let opens = is_hash_sign(text[at]) && is_boundary_before(text, at, taken);
    // A hash sign with a selector or keycap is an emoji.
    let is_emoji = matches!(text.get(at + 1), Some('\u{fe0f}' | '\u{20e3}'));
    if !opens || is_emoji {
        return None;
    }
    let end = run_end(text, at + 1, is_tag_char);
    text[at + 1..end].iter().any(|&c| is_letter_or_mark(c)).then_some(end)
}

fn is_boundary_before(text: &[char], at: usize, taken: usize) -> bool {
    let Some(before) = at.checked_sub(1) else {
        return true;
    };
    let c = text[before];
    before >= taken && (matches!(c, '\u{fe0e}' | '\u{fe0f}') || !(c == '&' || is_tag_char(c)))
}

fn is_tag_char(c: char) -> bool {
    is_joining(c) || is_letter_or_mark(c) || is_digit(c)
}

// What is neither letter nor digit and yet part of words: joiners, iteration marks, middle dots, dashes.
fn is_joining(c: char) -> bool {
    let joiner = matches!(c, '_' | '\u{200c}' | '\u{200d}' | '\u{b7}' | '\u{a67e}');
    let hebrew_or_tibetan = matches!(c, '\u{5be}' | '\u{5f3}' | '\u{5f4}' | '\u{f0b}' | '\u{f0c}');
    let japanese =
        matches!(c, '\u{3003}' | '\u{301c}' | '\u{ff5e}' | '\u{309b}' | '\u{309c}' | '\u{30a0}' | '\u{30fb}');
    joiner || hebrew_or_tibetan || japanese
}
