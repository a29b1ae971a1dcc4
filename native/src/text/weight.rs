//! How much a text weighs against the limit of a tweet.

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::chars::is_invalid;
use super::{Span, emoji, url};

const URL_WEIGHT: u64 = 23;
// Hundredths of a character, as published: light ones count one, all others two.
const SCALE: u64 = 100;
const LIGHT: u64 = 100;
const HEAVY: u64 = 200;

/// One of the published configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Version 1: 140 characters, all alike.
    V1,
    /// Version 2: 280, of which most scripts' characters but Latin and its neighbours take two.
    V2,
    /// Version 3, the one in force: version 2 in which an emoji takes two however it is made up.
    V3,
}

impl Rules {
    /// Returns the configuration of a published version.
    #[must_use]
    pub const fn from_version(version: u8) -> Option<Self> {
        match version {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            _ => None,
        }
    }

    const fn limit(self) -> u64 {
        if matches!(self, Self::V1) { 140 } else { 280 }
    }

    fn weigh(self, c: char) -> u64 {
        match u32::from(c) {
            _ if self == Self::V1 => LIGHT,
            0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => LIGHT,
            _ => HEAVY,
        }
    }
}

/// What a text weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Characters as counted against the limit.
    pub length: u64,
    /// Whether the text may be posted: not empty, not too long, no invalid character.
    pub valid: bool,
    /// Thousandths of the limit.
    pub permillage: u64,
    /// The part of the text, in code points, that is within the limit and has no invalid character.
    pub valid_range: Span,
}

/// Weighs a text under `rules`, as if normalised to NFC. `O(n)`.
pub(super) fn weigh(text: &[char], urls: &[Span], rules: Rules) -> Weight {
    match is_nfc_quick(text.iter().copied()) {
        IsNormalized::Yes => weigh_normal(text, urls, rules),
        IsNormalized::No | IsNormalized::Maybe => weigh_other(text, rules),
    }
}

fn weigh_normal(text: &[char], urls: &[Span], rules: Rules) -> Weight {
    let most = rules.limit() * SCALE;
    let mut urls = urls.iter().peekable();
    let (mut at, mut weight, mut valid_end) = (0, 0, 0);
    let mut clean = true;
    while let Some(&c) = text.get(at) {
        let (end, cost) = if let Some(url) = urls.next_if(|url| url.start == at) {
            (url.end, URL_WEIGHT * SCALE)
        } else if let Some(end) = emoji::end(text, at).filter(|_| rules == Rules::V3) {
            (end, HEAVY)
        } else {
            (at + 1, rules.weigh(c))
        };
        weight += cost;
        clean &= !is_invalid(text[end - 1]);
        at = end;
        valid_end = if clean && weight <= most { end } else { valid_end };
    }
    let length = weight / SCALE;
    Weight {
        length,
        valid: clean && (1..=most).contains(&weight),
        permillage: length * 1000 / rules.limit(),
        valid_range: Span { start: 0, end: valid_end },
    }
}

fn weigh_other(text: &[char], rules: Rules) -> Weight {
    let mut normal = Vec::with_capacity(text.len());
    // For each prefix of the normalised text, how much of the given text it takes in whole.
    let mut taken = vec![0];
    for span in independent_parts(text) {
        normal.extend(text[span.start..span.end].iter().copied().nfc());
        taken.resize(normal.len(), span.start);
        taken.push(span.end);
    }
    let mut weight = weigh_normal(&normal, &url::find(&normal), rules);
    weight.valid_range.end = taken[weight.valid_range.end];
    weight
}

// Parts that normalise each for itself: none begins with what could join the character before it.
fn independent_parts(text: &[char]) -> impl Iterator<Item = Span> {
    let is_start = |at: &usize| *at == text.len() || starts_part(text[*at]);
    let mut starts = (1..=text.len()).filter(is_start);
    let mut start = 0;
    std::iter::from_fn(move || {
        let span = Span { start, end: starts.next()? };
        start = span.end;
        Some(span)
    })
}

fn starts_part(c: char) -> bool {
    canonical_combining_class(c) == 0 && is_nfc_quick([c].into_iter()) == IsNormalized::Yes
}
