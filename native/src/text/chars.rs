//! Classes of characters that several entities share.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The Latin letters with accents that addresses may hold, and combining accents.
pub(super) fn is_latin_accent(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{24f}' if c != '×' && c != '÷')
        || matches!(c, '\u{253}' | '\u{254}' | '\u{256}' | '\u{257}' | '\u{259}' | '\u{25b}' | '\u{263}')
        || matches!(c, '\u{268}' | '\u{26f}' | '\u{272}' | '\u{289}' | '\u{28b}' | '\u{2bb}')
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}')
}

pub(super) fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{400}'..='\u{4ff}')
}

/// Characters that make a tweet invalid: a byte order mark and two that are none.
pub(super) fn is_invalid(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{feff}' | '\u{ffff}')
}

pub(super) fn is_directional(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{180e}' | '\u{2000}'..='\u{200a}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// ASCII punctuation but for `"` and the backtick, as published.
pub(super) fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '"' | '`')
}

pub(super) fn is_at_sign(c: char) -> bool {
    matches!(c, '@' | '＠')
}

pub(super) fn is_hash_sign(c: char) -> bool {
    matches!(c, '#' | '＃')
}

/// A letter or a mark: what at least one character of a hashtag must be.
pub(super) fn is_letter_or_mark(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark)
}

/// A decimal digit of any script.
pub(super) fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.general_category() == GeneralCategory::DecimalNumber)
}

/// Whether `://` begins at `at`.
pub(super) fn is_scheme_end(text: &[char], at: usize) -> bool {
    text[at..].starts_with(&[':', '/', '/'])
}

/// The end of the longest run from `at` of characters that `accepts` takes.
pub(super) fn run_end(text: &[char], at: usize, accepts: impl Fn(char) -> bool) -> usize {
    at + text[at..].iter().take_while(|&&c| accepts(c)).count()
}
