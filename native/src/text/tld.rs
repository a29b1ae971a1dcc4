//! Top-level domains.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::Span;
use super::chars::run_end;
use super::punycode::is_encoded;

// Every domain that the published rules name, one a line, in lower case, sorted by bytes.
const LIST: &str = include_str!("tlds.txt");

struct Tlds {
    known: HashSet<&'static str>,
    longest: usize,
}

static TLDS: LazyLock<Tlds> = LazyLock::new(|| {
    let longest = LIST.lines().map(|tld| tld.chars().count()).max().unwrap_or(0);
    Tlds { known: LIST.lines().collect(), longest }
});

/// Returns the end of the longest top-level domain that begins `label`.
///
/// What follows it in `text` must not continue a word or make an address of it. `O(1)`.
pub(super) fn end(text: &[char], label: Span) -> Option<usize> {
    let start = label.start;
    let label = &text[start..label.end];
    if let Some(length) = punycode_length(label) {
        return Some(start + length);
    }
    let lower: String = label.iter().take(TLDS.longest).flat_map(|c| c.to_lowercase()).collect();
    let mut ends: Vec<(usize, usize)> = lower.char_indices().map(|(at, c)| at + c.len_utf8()).zip(1..).collect();
    // Folding changes the number of characters for none that a top-level domain holds.
    ends.retain(|&(_, chars)| chars <= label.len() && may_end(text, start + chars));
    let known = ends.into_iter().rev().find(|&(bytes, _)| TLDS.known.contains(&lower[..bytes]))?;
    Some(start + known.1)
}

fn may_end(text: &[char], at: usize) -> bool {
    text.get(at).is_none_or(|&c| !c.is_ascii_alphanumeric() && !matches!(c, '@' | '+' | '-'))
}

fn punycode_length(label: &[char]) -> Option<usize> {
    let length = run_end(label, 0, |c| c.is_ascii_alphanumeric() || c == '-');
    (is_encoded(label) && length > 4).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Option<usize> {
        let text: Vec<char> = text.chars().collect();
        end(&text, Span { start: 0, end: text.len() })
    }

    #[test]
    fn the_list_is_sorted_and_has_no_repeats() {
        assert!(LIST.lines().is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()));
        assert!(LIST.lines().all(|tld| tld == tld.to_lowercase()));
    }

    #[test]
    fn the_longest_known_domain_is_taken_and_must_end_a_word() {
        assert_eq!(find("com"), Some(3));
        assert_eq!(find("COMだ"), Some(3));
        assert_eq!(find("comm"), None);
        assert_eq!(find("com-"), None);
        assert_eq!(find("みんなです"), Some(3));
        assert_eq!(find("xn--fiqs8s"), Some(10));
        assert_eq!(find("xn--"), None);
    }
}
