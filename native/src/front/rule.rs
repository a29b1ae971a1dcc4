//! Who may see a tweet, as a function of what is known of it: the one rule, which Python's readers ask as well.

/// The tweet was deleted.
pub const DELETED: u16 = 1;
/// The viewer wrote it.
pub const OWN: u16 = 1 << 1;
/// Its author is gone, suspended or deactivated.
pub const AUTHOR_GONE: u16 = 1 << 2;
/// Author and viewer: one blocks the other.
pub const APART: u16 = 1 << 3;
/// The author shows tweets to followers alone.
pub const PROTECTED: u16 = 1 << 4;
/// The viewer follows the author.
pub const FOLLOWING: u16 = 1 << 5;
/// The viewer mutes the author.
pub const MUTING: u16 = 1 << 6;
/// It is sensitive, and the viewer hides those.
pub const HIDDEN_AS_SENSITIVE: u16 = 1 << 7;

// Muted words are looked for by Python alone, in what this lets pass.
const UNWANTED: u16 = MUTING | HIDDEN_AS_SENSITIVE;

/// Whether the author's tweets are open to the viewer.
///
/// ```
/// use aviary_native::front::rule::{APART, FOLLOWING, PROTECTED, is_open};
/// assert!(is_open(0) && is_open(PROTECTED | FOLLOWING));
/// assert!(!is_open(PROTECTED) && !is_open(APART | FOLLOWING));
/// ```
#[must_use]
pub const fn is_open(facts: u16) -> bool {
    if facts & AUTHOR_GONE != 0 {
        return false;
    }
    facts & OWN != 0 || facts & APART == 0 && (facts & PROTECTED == 0 || facts & FOLLOWING != 0)
}

/// Whether the viewer may see the tweet: where they asked for it, or where the platform shows it to them.
#[must_use]
pub const fn is_visible(facts: u16, was_asked_for: bool) -> bool {
    if facts & DELETED != 0 || !is_open(facts) {
        return false;
    }
    was_asked_for || facts & OWN != 0 || facts & UNWANTED == 0
}
