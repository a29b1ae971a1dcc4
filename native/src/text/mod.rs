//! Tweet text by the published twitter-text rules, version 3: what it weighs and what it names.
//!
//! Everything works on code points and in linear time; positions count code points.

mod cashtag;
mod chars;
mod check;
mod domain;
mod emoji;
mod hashtag;
mod mention;
mod punycode;
mod tld;
mod url;
mod weight;

pub use check::Kind;
pub use weight::{Rules, Weight};

/// A part of a text in code points, its end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first position.
    pub start: usize,
    /// The position after the last.
    pub end: usize,
}

/// Something named in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// What is named, without its sign; for an address all of it.
    pub name: String,
    /// Where it stands, sign included.
    pub span: Span,
}

/// A list of a person's, named as `@name/slug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntity {
    /// The person's name.
    pub name: String,
    /// The list's slug with its slash.
    pub slug: String,
    /// Where it stands, sign included.
    pub span: Span,
}

/// What is known of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What it weighs.
    pub weight: Weight,
    /// Hashtags; this and what follows in the order of the text, no two of any kind overlapping.
    pub hashtags: Vec<Entity>,
    /// People mentioned.
    pub mentions: Vec<Entity>,
    /// Lists mentioned.
    pub lists: Vec<ListEntity>,
    /// Cashtags.
    pub cashtags: Vec<Entity>,
    /// Addresses.
    pub urls: Vec<Entity>,
}

/// Weighs a text under `rules` and finds what it names. `O(n)`.
///
/// ```
/// use aviary_native::text::{Rules, Span, parse};
/// let parsed = parse("Hi @ada, #rust: http://test.co", Rules::V3);
/// assert_eq!(parsed.weight.length, 39);
/// assert_eq!(parsed.hashtags[0].name, "rust");
/// assert_eq!(parsed.mentions[0].span, Span { start: 3, end: 7 });
/// ```
#[must_use]
pub fn parse(text: &str, rules: Rules) -> Parsed {
    let text: Vec<char> = text.chars().collect();
    let urls = url::find(&text);
    let weight = weight::weigh(&text, &urls, rules);
    let mut named: Vec<Named> = urls.into_iter().map(Named::Url).collect();
    named.extend(hashtag::find(&text).into_iter().map(Named::Hashtag));
    named.extend(mention::find(&text).into_iter().map(Named::Mention));
    named.extend(cashtag::find(&text).into_iter().map(Named::Cashtag));
    collect(&text, weight, named)
}

/// Returns the name of the person that a text replies to: the one it mentions before all else.
///
/// ```
/// use aviary_native::text::reply_to;
/// assert_eq!(reply_to(" @ada yes").as_deref(), Some("ada"));
/// assert_eq!(reply_to("yes @ada"), None);
/// ```
#[must_use]
pub fn reply_to(text: &str) -> Option<String> {
    let text: Vec<char> = text.chars().collect();
    mention::reply(&text).map(|name| slice(&text, name.start, name.end))
}

/// Whether all of `text` is one thing of a kind. `O(n)`.
///
/// ```
/// use aviary_native::text::{Kind, is_one};
/// assert!(is_one("@ada", Kind::Username));
/// assert!(!is_one("@ada and more", Kind::Username));
/// ```
#[must_use]
pub fn is_one(text: &str, kind: Kind) -> bool {
    check::is_one(&text.chars().collect::<Vec<_>>(), kind)
}

enum Named {
    Url(Span),
    Hashtag(Span),
    Mention(mention::Mention),
    Cashtag(Span),
}

impl Named {
    fn span(&self) -> Span {
        match self {
            Self::Url(span) | Self::Hashtag(span) | Self::Cashtag(span) => *span,
            Self::Mention(mention) => mention.span,
        }
    }
}

// Of two that overlap the one that starts first stays, so that a "#top" at an address's end is no hashtag.
fn collect(text: &[char], weight: Weight, mut named: Vec<Named>) -> Parsed {
    named.sort_by_key(|named| named.span().start);
    let (hashtags, mentions, lists, cashtags, urls) = Default::default();
    let mut parsed = Parsed { weight, hashtags, mentions, lists, cashtags, urls };
    let mut taken = 0;
    for named in named {
        let span = named.span();
        if span.start >= taken {
            taken = span.end;
            parsed.add(text, &named);
        }
    }
    parsed
}

impl Parsed {
    fn add(&mut self, text: &[char], named: &Named) {
        match *named {
            Named::Url(span) => self.urls.push(Entity { name: slice(text, span.start, span.end), span }),
            Named::Hashtag(span) => self.hashtags.push(signed(text, span)),
            Named::Cashtag(span) => self.cashtags.push(signed(text, span)),
            Named::Mention(mention) if mention.name_end == mention.span.end => {
                self.mentions.push(signed(text, mention.span));
            }
            Named::Mention(mention::Mention { span, name_end }) => self.lists.push(ListEntity {
                name: slice(text, span.start + 1, name_end),
                slug: slice(text, name_end, span.end),
                span,
            }),
        }
    }
}

fn signed(text: &[char], span: Span) -> Entity {
    Entity { name: slice(text, span.start + 1, span.end), span }
}

fn slice(text: &[char], start: usize, end: usize) -> String {
    text[start..end].iter().collect()
}
