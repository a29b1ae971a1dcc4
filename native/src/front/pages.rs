//! From lists to pages: which tweets a viewer sees, in which order, and where the page ends.

use std::sync::Arc;

use crate::front::fragment::{Facts, Kind, Person, Tweet};
use crate::front::rule;
use crate::front::splice::{self, Ending, Format, Shown};
use crate::front::viewer::{self, Home, State, Viewer};
use crate::front::{Front, Miss};
use crate::row::{MAX_ID, Row};
use crate::timeline::{Page, Slot, Stretch, merge};

// As many candidates as are looked at here; who hides more of them is served by the handlers.
const MOST_SEEN: usize = 400;

// A retweet, its original, and what that quotes.
const MOST_DEEP: usize = 2;

/// What is asked of a list.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Who reads.
    pub viewer: u64,
    /// Tweets a page, from 1.
    pub limit: usize,
    /// Only tweets with ids below this bound and above the other.
    pub below: u64,
    /// See `below`.
    pub above: u64,
    /// Business time.
    pub now_ms: u64,
    /// What the answer is written as.
    pub format: Format,
    /// Bytes to leave free in front of the answer, for whoever frames it.
    pub room: usize,
}

/// What a look at a tweet says.
enum Look {
    /// Something about it is not held, and was noted.
    Unknown,
    Hidden,
    Visible(Shown),
}

/// One viewer's look at tweets, with what it misses.
struct Sight<'a> {
    front: &'a Front,
    viewer: u64,
    state: &'a State,
    hides_sensitive: bool,
    was_asked_for: bool,
    now_ms: u64,
    miss: Miss,
}

impl Front {
    /// The first tweets of a home within bounds, from what is held.
    ///
    /// # Errors
    /// [`Miss`] says what would have to be put first.
    pub fn home(&self, ask: &Ask) -> Result<Vec<u8>, Miss> {
        let viewer = self.viewer(ask.viewer);
        let mut state = viewer.lock();
        let home = self.current_home(&mut state, ask.now_ms);
        let (Some(home), Some(choices)) = (home, state.choices) else {
            return Err(Miss { home: state.home.is_none(), choices: state.choices.is_none(), ..Miss::default() });
        };
        if choices.mutes_words {
            return Err(Miss::declined());
        }
        let mut sight = self.sight(ask, &state, false);
        sight.hides_sensitive = choices.hides_sensitive;
        // A few more than are shown, for of most homes some candidates are hidden.
        let (mut below, mut seen, mut wanted) = (ask.below, 0, ask.limit + ask.limit / 4 + 1);
        let mut shown = Vec::with_capacity(ask.limit + 1);
        let next = loop {
            let candidates = self.candidates(ask, &home, below, wanted)?;
            for row in &candidates.rows {
                shown.extend(sight.home_tweet(row, &home));
                if shown.len() > ask.limit {
                    break;
                }
            }
            if !sight.miss.is_empty() {
                return Err(sight.miss);
            }
            seen += candidates.rows.len();
            if shown.len() > ask.limit {
                shown.truncate(ask.limit);
                break shown.last().map(|last| last.body.id());
            }
            match candidates.next {
                Next::End => break None,
                Next::Below(id) if seen < MOST_SEEN => below = id,
                Next::Below(_) | Next::Deeper => return Err(Miss::declined()),
            }
            wanted = (2 * wanted).max(100);
        };
        let next_cursor = next.map(|id| self.cursors.encode(&format!("home:{}", ask.viewer), id)).unwrap_or_default();
        Ok(splice::list(&shown, &Ending { limit: ask.limit, next_cursor }, ask.format, ask.room))
    }

    /// The newest tweets of one author, all kinds, within bounds.
    ///
    /// # Errors
    /// As [`Front::home`].
    pub fn user(&self, ask: &Ask, author: u64) -> Result<Vec<u8>, Miss> {
        let viewer = self.viewer(ask.viewer);
        let state = viewer.lock();
        let mut sight = self.sight(ask, &state, true);
        let (mut shown, mut below, mut seen) = (Vec::with_capacity(ask.limit + 1), ask.below, 0);
        let next = loop {
            let wanted = ask.limit + 1;
            let list =
                self.own_tweets(&[author], ask, |own| merge(own.iter().copied(), ask.above, below, wanted, |_| true))?;
            for row in &list.rows {
                shown.extend(sight.tweet(row.tweet));
            }
            if !sight.miss.is_empty() {
                return Err(sight.miss);
            }
            seen += list.rows.len();
            if shown.len() > ask.limit {
                shown.truncate(ask.limit);
                break shown.last().map(|last| last.body.id());
            }
            if list.rows.len() < wanted {
                if list.reach > ask.above.saturating_add(1) {
                    return Err(Miss::declined());
                }
                break None;
            }
            if seen > MOST_SEEN {
                return Err(Miss::declined());
            }
            below = list.rows.last().map_or(below, |row| row.tweet);
        };
        // Whether there is such an author, open to the viewer, only a tweet that is shown proves.
        if shown.is_empty() {
            return Err(Miss::declined());
        }
        let scope = format!("user:{author}:all:{}", ask.viewer);
        let next_cursor = next.map(|id| self.cursors.encode(&scope, id)).unwrap_or_default();
        Ok(splice::list(&shown, &Ending { limit: ask.limit, next_cursor }, ask.format, ask.room))
    }

    /// One tweet that the viewer asks for by its id.
    ///
    /// # Errors
    /// As [`Front::home`]; declines what the viewer may not see, for the handlers say why.
    pub fn tweet(&self, ask: &Ask, id: u64) -> Result<Vec<u8>, Miss> {
        let viewer = self.viewer(ask.viewer);
        let state = viewer.lock();
        let mut sight = self.sight(ask, &state, true);
        match sight.tweet(id) {
            Some(shown) => Ok(splice::tweet(&shown, ask.format, ask.room)),
            None if sight.miss.is_empty() => Err(Miss::declined()),
            None => Err(sight.miss),
        }
    }

    /// The bound that a cursor of a home stands for; nothing for a cursor that only the handlers can judge.
    #[must_use]
    pub fn home_cursor(&self, viewer: u64, cursor: &str) -> Option<u64> {
        self.bound(&format!("home:{viewer}"), cursor)
    }

    /// The same for a user's timeline.
    #[must_use]
    pub fn user_cursor(&self, viewer: u64, author: u64, cursor: &str) -> Option<u64> {
        self.bound(&format!("user:{author}:all:{viewer}"), cursor)
    }

    fn bound(&self, scope: &str, cursor: &str) -> Option<u64> {
        if cursor.is_empty() {
            return Some(MAX_ID);
        }
        // A hint names a deep list, which the handlers build and walk.
        self.cursors.decode(scope, cursor).filter(|(_, hint)| *hint == 0).map(|(position, _)| position)
    }

    fn sight<'a>(&'a self, ask: &Ask, state: &'a State, was_asked_for: bool) -> Sight<'a> {
        let Ask { viewer, now_ms, .. } = *ask;
        let miss = Miss::default();
        Sight { front: self, viewer, state, hides_sensitive: false, was_asked_for, now_ms, miss }
    }

    fn viewer(&self, id: u64) -> Arc<Viewer> {
        self.viewers.get(id).unwrap_or_else(|| self.meet(id))
    }

    fn current_home(&self, state: &mut State, now_ms: u64) -> Option<Arc<Home>> {
        let home = state.home.clone()?;
        let is_over = home.valid_until_ms > 0 && home.valid_until_ms <= now_ms;
        if is_over || !self.tiers_stand_since(home.read_at) {
            state.forget_home();
            return None;
        }
        Some(home)
    }

    /// The next that a home may show: of its list, and of those whom the read itself asks.
    fn candidates(&self, ask: &Ask, home: &Home, below: u64, count: usize) -> Result<Candidates, Miss> {
        let Home { sources, follow_version, pulled, .. } = home;
        let slot = Slot { owner: ask.viewer, upper: MAX_ID };
        let merged = self.own_tweets(pulled, ask, |beside| {
            let page = Page { version: *follow_version, sources, beside, below, above: ask.above, limit: count };
            self.lists.page(slot, &page, ask.now_ms)
        })?;
        let Some(merged) = merged else {
            // From the middle of a home the handlers build the part that is read, and no more.
            return Err(if ask.below == MAX_ID { Miss { home: true, ..Miss::default() } } else { Miss::declined() });
        };
        let next = match merged.rows.last() {
            Some(last) if merged.rows.len() == count => Next::Below(last.tweet),
            _ if merged.reach > ask.above.saturating_add(1) => Next::Deeper,
            _ => Next::End,
        };
        Ok(Candidates { rows: merged.rows, next })
    }

    /// Hands the lists of what these authors wrote to `read`.
    fn own_tweets<T>(&self, authors: &[u64], ask: &Ask, read: impl FnOnce(&[Stretch<'_>]) -> T) -> Result<T, Miss> {
        self.authors.with(authors, ask.now_ms, read).map_err(|authors| Miss { authors, ..Miss::default() })
    }
}

struct Candidates {
    rows: Vec<Row>,
    next: Next,
}

/// Where to look on.
enum Next {
    Below(u64),
    /// Below what is held.
    Deeper,
    End,
}

impl Sight<'_> {
    /// A candidate of a home, if it stands for its original.
    fn home_tweet(&mut self, row: &Row, home: &Home) -> Option<Shown> {
        let shown = self.tweet(row.tweet)?;
        let Some(original) = shown.original.as_deref() else { return Some(shown) };
        let Facts { id, author, reply_to_user, .. } = original.body.facts();
        // The original itself belongs.
        if home.sources.contains(author) && (reply_to_user == 0 || home.sources.contains(reply_to_user)) {
            return None;
        }
        match self.state.earliest(id) {
            Some((earliest, read_at)) if self.front.retweets_stand_since(id, read_at) => {
                (earliest == row.tweet).then_some(shown)
            }
            _ => {
                self.miss.originals.push(id);
                None
            }
        }
    }

    /// A tweet as the viewer sees it; nothing when they don't, or when something was missing.
    fn tweet(&mut self, id: u64) -> Option<Shown> {
        match self.look(id, false, 0) {
            Look::Visible(shown) => Some(shown),
            Look::Hidden | Look::Unknown => None,
        }
    }

    fn look(&mut self, id: u64, is_inside_quote: bool, depth: usize) -> Look {
        if depth > MOST_DEEP {
            // No store says so; if one did, its tweets could hold each other without end.
            self.miss.is_declined = true;
            return Look::Unknown;
        }
        let (body, live) = match self.front.tweets.get(id) {
            Some(Tweet::Here { body, live: Some(live) }) => (body, live),
            Some(Tweet::Gone) => return Look::Hidden,
            _ => return self.unknown(id),
        };
        let facts = body.facts();
        let Some(person) = self.front.people.get(facts.author) else { return self.unknown(id) };
        let Person::Here { card, protected } = person else { return Look::Hidden };
        let Some(standing) = self.standing(facts.author) else { return self.unknown(id) };
        if standing & viewer::MUTING != 0 {
            // It ends by itself, which no event tells.
            self.miss.is_declined = true;
            return Look::Unknown;
        }
        if !rule::is_visible(self.seen(facts, protected, standing), self.was_asked_for) {
            return Look::Hidden;
        }
        let Some(stance) = self.state.stance(id) else { return self.unknown(id) };
        let original = match facts.kind {
            Kind::Retweet => match self.look(facts.ref_id, false, depth + 1) {
                Look::Visible(original) => Some(Box::new(original)),
                other => return other,
            },
            _ => None,
        };
        let quoted = match facts.quote_id {
            0 => None,
            _ if is_inside_quote => None,
            quote_id => match self.look(quote_id, true, depth + 1) {
                Look::Visible(quoted) => Some(Box::new(quoted)),
                Look::Hidden => None,
                Look::Unknown => return Look::Unknown,
            },
        };
        let is_closed = live.poll.as_ref().is_some_and(|poll| poll.ends_ms <= self.now_ms);
        Look::Visible(Shown { body, live, is_closed, card, stance, quoted, original })
    }

    /// How the viewer stands to an author, in bits; to oneself there is none.
    fn standing(&self, author: u64) -> Option<u8> {
        if author == self.viewer { Some(0) } else { self.state.standing(author) }
    }

    /// What decides whether the viewer sees a tweet, in bits of [`rule`].
    fn seen(&self, facts: Facts, protected: bool, standing: u8) -> u16 {
        let is_hidden = facts.is_sensitive && self.hides_sensitive;
        [
            (rule::OWN, facts.author == self.viewer),
            (rule::PROTECTED, protected),
            (rule::APART, standing & viewer::APART != 0),
            (rule::FOLLOWING, standing & viewer::FOLLOWING != 0),
            (rule::HIDDEN_AS_SENSITIVE, is_hidden),
        ]
        .iter()
        .fold(0, |facts, (fact, holds)| if *holds { facts | fact } else { facts })
    }

    fn unknown(&mut self, id: u64) -> Look {
        self.miss.tweets.push(id);
        Look::Unknown
    }
}
