//! Sequences of code points that show as one emoji (UTS #51).

use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_properties::UnicodeEmoji;
use unicode_properties::emoji::is_regional_indicator;

use super::chars::run_end;

// The joined sequences recommended for interchange, one a line, without joiners, tones and selectors.
const JOINED: &str = include_str!("joined_emoji.txt");
const JOINER: char = '\u{200d}';
const EMOJI_STYLE: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const BLACK_FLAG: char = '🏴';
const TAG_END: char = '\u{e007f}';
// England, Scotland and Wales, as the letters of their tags.
const TAGGED_FLAGS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];

struct Joined {
    known: HashSet<&'static str>,
    most_parts: usize,
}

static SEQUENCES: LazyLock<Joined> = LazyLock::new(|| {
    let most_parts = JOINED.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    Joined { known: JOINED.lines().collect(), most_parts }
});

/// Returns the end of the emoji that begins at `at`, if one does. `O(1)`.
pub(super) fn end(text: &[char], at: usize) -> Option<usize> {
    let first = text[at];
    if first.is_ascii() {
        return keycap_end(text, at);
    }
    if is_regional_indicator(first) {
        return text.get(at + 1).is_some_and(|&c| is_regional_indicator(c)).then_some(at + 2);
    }
    if !first.is_emoji_char() {
        return None;
    }
    Some(tagged_end(text, at).unwrap_or_else(|| joined_end(text, at)))
}

fn keycap_end(text: &[char], at: usize) -> Option<usize> {
    let after_style = at + 1 + usize::from(text.get(at + 1) == Some(&EMOJI_STYLE));
    let is_key = text[at].is_ascii_digit() || matches!(text[at], '#' | '*');
    (is_key && text.get(after_style) == Some(&KEYCAP)).then_some(after_style + 1)
}

fn tagged_end(text: &[char], at: usize) -> Option<usize> {
    let tags = text[at..].strip_prefix(&[BLACK_FLAG])?;
    let spells = |name: &&str| {
        let wanted = name.chars().filter_map(|c| char::from_u32(0xe0000 + u32::from(c))).chain([TAG_END]);
        tags.len() > name.len() && tags.iter().copied().zip(wanted).all(|(tag, letter)| tag == letter)
    };
    TAGGED_FLAGS.iter().find(|name| spells(name)).map(|name| at + name.len() + 2)
}

// Only recommended sequences are joined: else any number of emoji could weigh as one.
fn joined_end(text: &[char], at: usize) -> usize {
    let alone = part_end(text, at);
    let (mut parts, mut end, mut longest) = (String::from(text[at]), alone, alone);
    for _ in 1..SEQUENCES.most_parts {
        let (Some(&JOINER), Some(&next)) = (text.get(end), text.get(end + 1)) else {
            break;
        };
        parts.push(next);
        end = part_end(text, end + 1);
        if SEQUENCES.known.contains(parts.as_str()) {
            longest = end;
        }
    }
    longest
}

// At most a tone and a selector, so that a run of them is not swallowed.
fn part_end(text: &[char], at: usize) -> usize {
    let toned = at + 1 + usize::from(text.get(at + 1).is_some_and(|&c| is_tone(c)));
    run_end(&text[..text.len().min(toned + 1)], toned, |c| c == EMOJI_STYLE)
}

fn is_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> Vec<usize> {
        let text: Vec<char> = text.chars().collect();
        let mut at = 0;
        let mut ends = Vec::new();
        while at < text.len() {
            at = end(&text, at).unwrap_or(at + 1);
            ends.push(at);
        }
        ends
    }

    #[test]
    fn recommended_sequences_are_one_emoji() {
        for one in ["👨‍👩‍👧‍👦", "🧕🏾", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1⃣", "#️⃣", "🇩🇪", "❤️‍🔥", "👩🏽‍❤️‍💋‍👨🏿", "⛹🏿‍♀️"]
        {
            assert_eq!(ends(one), [one.chars().count()], "{one}");
        }
    }

    #[test]
    fn other_joins_and_cut_off_sequences_are_several() {
        assert_eq!(ends("👨‍👩‍👧‍👦‍👦").len(), 3);
        assert_eq!(ends("😀😀"), [1, 2]);
        assert_eq!(ends("🇩a"), [1, 2]);
        assert_eq!(ends("😀‍").len(), 2);
    }
}
