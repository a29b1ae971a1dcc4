//! Addresses, with and without a protocol.
//!
//! A hand-written scanner for what the published rules say as one regular expression, so that the
//! time is linear whatever the text: no part is gone over again for each place where one could start.

use super::chars::{is_cyrillic, is_directional, is_hash_sign, is_invalid, is_latin_accent, run_end};
use super::domain::{Domains, is_latin_domain_char, latin_end};
use super::{Span, punycode};

const MAX_URL: usize = 4096;
const MAX_TCO_SLUG: usize = 40;

// Positions in the text: the domain may be empty of path and query.
struct Match {
    start: usize,
    domain: Span,
    path: Span,
    end: usize,
}

impl Match {
    fn has_protocol(&self) -> bool {
        self.domain.start > self.start
    }

    fn is_too_long(&self, text: &[char]) -> bool {
        let Some(encoded) = punycode::domain_length(&text[self.domain.start..self.domain.end]) else {
            return true;
        };
        let url = self.end - self.start;
        url + encoded.saturating_sub(self.domain.end - self.domain.start) > MAX_URL
    }
}

/// Returns the addresses in `text`, in order. `O(n)`.
pub(super) fn find(text: &[char]) -> Vec<Span> {
    let mut urls = Vec::new();
    if !text.contains(&'.') {
        return urls;
    }
    let mut domains = Domains::new(text);
    let (mut at, mut taken) = (0, 0);
    while at < text.len() {
        let found = may_start(text, at, taken).then(|| match_at(text, at, &mut domains)).flatten();
        let Some(found) = found else {
            at += 1;
            continue;
        };
        (at, taken) = (found.end, found.end);
        if found.is_too_long(text) {
            continue;
        }
        if found.has_protocol() {
            urls.extend(with_protocol(text, &found));
        } else if !follows_a_word(text, found.start) {
            without_protocol(text, &found, &mut urls);
        }
    }
    urls
}

// The character before must be free: not a part of the address before it.
fn may_start(text: &[char], at: usize, taken: usize) -> bool {
    let Some(before) = at.checked_sub(1) else {
        return true;
    };
    let c = text[before];
    let glued = c.is_ascii_alphanumeric() || matches!(c, '@' | '＠' | '$') || is_hash_sign(c) || is_invalid(c);
    before >= taken && (!glued || is_directional(c))
}

fn follows_a_word(text: &[char], at: usize) -> bool {
    at > 0 && matches!(text[at - 1], '-' | '_' | '.' | '/')
}

fn match_at(text: &[char], start: usize, domains: &mut Domains<'_>) -> Option<Match> {
    let after_protocol = protocol_end(text, start).and_then(|at| Some((at, domains.end_from(at)?)));
    let (domain_start, domain_end) = match after_protocol {
        Some(found) => found,
        None => (start, domains.end_from(start)?),
    };
    let path_start = port_end(text, domain_end);
    let path_end = path_end(text, path_start);
    Some(Match {
        start,
        domain: Span { start: domain_start, end: domain_end },
        path: Span { start: path_start, end: path_end },
        end: query_end(text, path_end),
    })
}

fn protocol_end(text: &[char], at: usize) -> Option<usize> {
    let starts = |word: &str| {
        let here = text[at..].iter().zip(word.chars());
        text.len() - at >= word.len() && here.into_iter().all(|(c, wanted)| c.eq_ignore_ascii_case(&wanted))
    };
    ["http://", "https://"].into_iter().find(|word| starts(word)).map(|word| at + word.len())
}

fn port_end(text: &[char], at: usize) -> usize {
    if text.get(at) != Some(&':') {
        return at;
    }
    let end = run_end(text, at + 1, |c| c.is_ascii_digit());
    if end > at + 1 { end } else { at }
}

// A path goes on for as long as its characters may stand in one, and ends with one that may end it.
fn path_end(text: &[char], start: usize) -> usize {
    if text.get(start) != Some(&'/') {
        return start;
    }
    let (mut at, mut end) = (start + 1, start + 1);
    while let Some(&c) = text.get(at) {
        if c == '(' {
            let Some(closed) = parentheses_end(text, at) else { break };
            (at, end) = (closed, closed);
        } else if is_path_char(c) {
            at += 1;
            end = if may_end_path(c) { at } else { end };
        } else {
            break;
        }
    }
    end
}

// "(x)" or "(a(x)b)": a second level is what encyclopedias use, a third nobody.
fn parentheses_end(text: &[char], at: usize) -> Option<usize> {
    let inner = run_end(text, at + 1, is_path_char);
    match text.get(inner) {
        Some(')') if inner > at + 1 => Some(inner + 1),
        Some('(') => {
            let nested = run_end(text, inner + 1, is_path_char);
            let tail = (text.get(nested) == Some(&')') && nested > inner + 1).then_some(nested + 1)?;
            let outer = run_end(text, tail, is_path_char);
            (text.get(outer) == Some(&')')).then_some(outer + 1)
        }
        _ => None,
    }
}

fn is_path_char(c: char) -> bool {
    let symbol = matches!(c, '!' | '*' | '\'' | ';' | ':' | ',' | '.' | '$' | '%' | '[' | ']' | '~' | '|' | '&' | '@');
    may_end_path(c) || symbol || c == '\u{2013}'
}

fn may_end_path(c: char) -> bool {
    let letter = c.is_ascii_alphanumeric() || is_cyrillic(c) || is_latin_accent(c);
    letter || matches!(c, '+' | '-' | '=' | '_' | '#' | '/')
}

fn query_end(text: &[char], start: usize) -> usize {
    if text.get(start) != Some(&'?') {
        return start;
    }
    let run = run_end(text, start + 1, is_query_char);
    let last = text[start + 1..run].iter().rposition(|&c| may_end_query(c));
    last.map_or(start, |last| start + 1 + last + 1)
}

fn is_query_char(c: char) -> bool {
    let symbol = matches!(c, '!' | '?' | '*' | '\'' | '@' | '(' | ')' | ';' | ':' | '+' | '$' | '%' | '[' | ']');
    may_end_query(c) || symbol || matches!(c, '.' | ',' | '~' | '|')
}

fn may_end_query(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '&' | '=' | '#' | '/')
}

// The shortener's own addresses are known to be a word: what is glued behind does not belong to them.
fn with_protocol(text: &[char], found: &Match) -> Option<Span> {
    let host = text[found.domain.start..found.domain.end].iter();
    let is_tco = host.map(char::to_ascii_lowercase).eq("t.co".chars()) && found.path.start == found.domain.end;
    let slug_start = found.path.start + 1;
    let mut end = found.end;
    if is_tco && slug_start <= found.path.end {
        let slug_end = run_end(&text[..found.end], slug_start, |c| c.is_ascii_alphanumeric());
        if slug_end - slug_start > MAX_TCO_SLUG {
            return None;
        }
        if slug_end > slug_start {
            end = query_end(&text[..found.end], slug_end);
        }
    }
    Some(Span { start: found.start, end })
}

// Without a protocol only what is ASCII counts: in scripts without spaces the words around would be taken too.
fn without_protocol(text: &[char], found: &Match, urls: &mut Vec<Span>) {
    let known = urls.len();
    let domain = found.domain;
    let mut at = domain.start;
    while at < domain.end {
        let start = run_end(&text[..domain.end], at, |c| !is_latin_domain_char(c));
        let end = latin_end(text, start, domain.end);
        urls.extend(end.map(|end| Span { start, end }));
        at = end.unwrap_or_else(|| run_end(&text[..domain.end], start, |c| is_latin_domain_char(c) || c == '.'));
    }
    if let Some(last) = urls[known..].last_mut()
        && last.end == domain.end
        && found.path.end > found.path.start
    {
        last.end = found.end;
    }
}
