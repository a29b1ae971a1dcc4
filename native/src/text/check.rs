//! Whether a whole text is one thing: a name, a tag, an address.

use super::chars::{is_cyrillic, run_end};
use super::{hashtag, mention};

/// Of what kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `@name`.
    Username,
    /// `@name/slug`.
    List,
    /// `#tag`.
    Hashtag,
    /// `http://…` or `https://…`.
    Url,
    /// The same, the protocol optional.
    UrlWithoutProtocol,
}

impl Kind {
    /// The kinds' names, in the order of their declaration.
    pub const NAMES: [&str; 5] = ["username", "list", "hashtag", "url", "url_without_protocol"];

    /// Returns the kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let kinds = [Self::Username, Self::List, Self::Hashtag, Self::Url, Self::UrlWithoutProtocol];
        Self::NAMES.iter().position(|&known| known == name).map(|at| kinds[at])
    }
}

pub(super) fn is_one(text: &[char], kind: Kind) -> bool {
    match kind {
        Kind::Username | Kind::List => is_mention(text, kind == Kind::List),
        Kind::Hashtag => hashtag::find(text).iter().any(|tag| (tag.start, tag.end) == (0, text.len())),
        Kind::Url => is_url(text, true),
        Kind::UrlWithoutProtocol => is_url(text, false),
    }
}

fn is_mention(text: &[char], of_list: bool) -> bool {
    mention::find(text).iter().any(|found| {
        let is_list = found.name_end < found.span.end;
        (found.span.start, found.span.end) == (0, text.len()) && is_list == of_list
    })
}

// RFC 3986's parts in their order: scheme, authority, path, query, fragment.
fn is_url(text: &[char], needs_protocol: bool) -> bool {
    let scheme_end = text.windows(3).position(|at| at == [':', '/', '/']);
    let before_path = run_end(text, 0, |c| !matches!(c, '/' | '?' | '#'));
    let (scheme, rest) = match scheme_end {
        Some(at) if at < before_path => (Some(&text[..at]), &text[at + 3..]),
        _ => (None, text),
    };
    let authority_end = run_end(rest, 0, |c| !matches!(c, '/' | '?' | '#'));
    let path_end = run_end(rest, authority_end, |c| !matches!(c, '?' | '#'));
    let query_end = run_end(rest, path_end, |c| c != '#');
    scheme.map_or(!needs_protocol, is_web)
        && is_authority(&rest[..authority_end])
        && is_made_of(&rest[authority_end..path_end], is_segment_char)
        && is_made_of(rest[path_end..query_end].get(1..).unwrap_or_default(), is_query_char)
        && is_made_of(rest[query_end..].get(1..).unwrap_or_default(), is_query_char)
}

fn is_web(scheme: &[char]) -> bool {
    let lower = scheme.iter().map(char::to_ascii_lowercase);
    lower.clone().eq("http".chars()) || lower.eq("https".chars())
}

fn is_authority(authority: &[char]) -> bool {
    let (user, host_and_port) = match authority.iter().position(|&c| c == '@') {
        Some(at) => (&authority[..at], &authority[at + 1..]),
        None => (&authority[..0], authority),
    };
    let port_at = host_and_port.iter().rposition(|c| !c.is_ascii_digit()).filter(|&at| host_and_port[at] == ':');
    let (host, port) = host_and_port.split_at(port_at.unwrap_or(host_and_port.len()));
    is_made_of(user, is_user_char) && port.len() != 1 && port.len() <= 6 && is_host(host)
}

fn is_host(host: &[char]) -> bool {
    match host {
        ['[', address @ .., ']'] => {
            !address.is_empty() && address.iter().all(|&c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'))
        }
        _ => is_ipv4(host) || is_domain(host),
    }
}

fn is_ipv4(host: &[char]) -> bool {
    let is_octet = |part: &[char]| {
        let value = part.iter().try_fold(0, |sum, c| Some(sum * 10 + c.to_digit(10)?).filter(|&sum| sum <= 255));
        value.is_some() && !part.is_empty() && (part.len() == 1 || part[0] != '0')
    };
    let parts = host.split(|&c| c == '.');
    parts.clone().count() == 4 && parts.into_iter().all(is_octet)
}

// Subdomains may hold underscores, the name and the top-level domain may not; the last starts with a letter.
fn is_domain(host: &[char]) -> bool {
    let labels: Vec<&[char]> = host.split(|&c| c == '.').collect();
    let [subdomains @ .., name, top] = labels.as_slice() else {
        return false;
    };
    let starts_with_letter = top.first().is_some_and(|c| !c.is_ascii_digit());
    starts_with_letter
        && [name, top].iter().all(|label| is_label(label, false))
        && subdomains.iter().all(|label| is_label(label, true))
}

fn is_label(label: &[char], underscores: bool) -> bool {
    let is_edge = |c: &char| c.is_ascii_alphanumeric() || !c.is_ascii();
    let inner = |c: &char| is_edge(c) || *c == '-' || (underscores && *c == '_');
    label.first().is_some_and(is_edge) && label.last().is_some_and(is_edge) && label.iter().all(inner)
}

// Every character is accepted, and a percent sign only before two hexadecimal digits.
fn is_made_of(part: &[char], accepts: impl Fn(char) -> bool) -> bool {
    part.iter().enumerate().all(|(at, &c)| {
        let escape = || part.get(at + 1..at + 3).is_some_and(|two| two.iter().all(char::is_ascii_hexdigit));
        if c == '%' { escape() } else { accepts(c) }
    })
}

fn is_user_char(c: char) -> bool {
    let unreserved = c.is_ascii_alphanumeric() || is_cyrillic(c) || matches!(c, '-' | '.' | '_' | '~' | ':');
    unreserved || matches!(c, '!' | '$' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | ';' | '=')
}

fn is_segment_char(c: char) -> bool {
    is_user_char(c) || matches!(c, '@' | '|' | '/')
}

fn is_query_char(c: char) -> bool {
    is_segment_char(c) || c == '?'
}
