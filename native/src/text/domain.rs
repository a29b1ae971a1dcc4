//! Domains: labels, dots and a known top-level domain.

use super::chars::{is_directional, is_invalid, is_latin_accent, is_punctuation, is_space, run_end};
use super::{Span, tld};

// Everything that a domain starting here needs to know about the labels from here on.
struct Label {
    span: Span,
    last_underscore: Option<usize>,
    // Where a top-level domain that starts with the label ends.
    tld_end: Option<usize>,
    // Where the longest domain that starts with the label ends.
    reach: Option<usize>,
}

/// Finds domains in one text, asked from left to right.
///
/// A run of domain characters is cut into labels once, from the right, so that each knows how far a
/// domain can reach from it. Trying every start in a run then costs `O(1)` each, where a regular
/// expression would go over the rest of the run for each.
pub(super) struct Domains<'a> {
    text: &'a [char],
    run: Span,
    labels: Vec<Label>,
    current: usize,
}

impl<'a> Domains<'a> {
    pub(super) fn new(text: &'a [char]) -> Self {
        Self { text, run: Span { start: 0, end: 0 }, labels: Vec::new(), current: 0 }
    }

    /// Returns the end of the longest domain that starts at `at`.
    pub(super) fn end_from(&mut self, at: usize) -> Option<usize> {
        if !self.text.get(at).is_some_and(|&c| is_domain_char(c)) {
            return None;
        }
        if at < self.run.start || at >= self.run.end {
            self.cut_run(at);
        }
        while self.labels[self.current].span.end < at {
            self.current += 1;
        }
        reach(self.text, at, &self.labels[self.current], self.labels.get(self.current + 1))
    }

    fn cut_run(&mut self, start: usize) {
        let end = run_end(self.text, start, |c| is_domain_char(c) || matches!(c, '-' | '_' | '.'));
        self.run = Span { start, end };
        self.current = 0;
        self.labels.clear();
        let mut label_end = end;
        for dot in (start..=end).rev().filter(|&at| at == start || self.text[at - 1] == '.') {
            let mut label = Label::new(self.text, Span { start: dot, end: label_end });
            label.reach = reach(self.text, dot, &label, self.labels.last());
            self.labels.push(label);
            label_end = dot.saturating_sub(1);
        }
        self.labels.reverse();
    }
}

impl Label {
    fn new(text: &[char], span: Span) -> Self {
        let underscore = text[span.start..span.end].iter().rposition(|&c| c == '_');
        Self { span, last_underscore: underscore.map(|at| span.start + at), tld_end: tld::end(text, span), reach: None }
    }
}

// Of a domain that starts at `at` within `label`. Underscores may stand in a subdomain, not in the name itself.
fn reach(text: &[char], at: usize, label: &Label, next: Option<&Label>) -> Option<usize> {
    let Span { end, .. } = label.span;
    let edges_hold = at < end && is_domain_char(text[at]) && is_domain_char(text[end - 1]);
    let next = next.filter(|_| edges_hold)?;
    next.reach.or_else(|| next.tld_end.filter(|_| label.last_underscore.is_none_or(|underscore| underscore < at)))
}

/// Returns the end of the longest domain in ASCII and Latin letters that starts at `start` and ends by `limit`.
pub(super) fn latin_end(text: &[char], start: usize, limit: usize) -> Option<usize> {
    let text = &text[..limit];
    let (mut label, mut longest) = (start, None);
    loop {
        let dot = run_end(text, label, is_latin_domain_char);
        if dot == label || text.get(dot) != Some(&'.') {
            return longest;
        }
        label = dot + 1;
        let label_end = run_end(text, label, |c| c != '.');
        longest = tld::end(text, Span { start: label, end: label_end }).or(longest);
    }
}

pub(super) fn is_latin_domain_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || is_latin_accent(c)
}

fn is_domain_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || !(is_punctuation(c) || is_space(c) || is_invalid(c) || is_directional(c))
}
