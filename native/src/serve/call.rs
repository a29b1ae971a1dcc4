//! A call as it comes over the wire: which of ours it is, what it asks, by when, and for whom.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use prost::Message;

/// Bytes in front of a frame's message.
pub(super) const FRAME_HEAD: usize = 5;

/// The calls that can be answered here; what their answers are is told by the service's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rpc {
    /// `GetHomeTimeline`
    Home,
    /// `GetUserTimeline`
    User,
    /// `GetTweet`
    Tweet,
}

impl Rpc {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Home, Self::User, Self::Tweet];

    /// The method's name in the protos.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Home => "GetHomeTimeline",
            Self::User => "GetUserTimeline",
            Self::Tweet => "GetTweet",
        }
    }
}

/// Which call a path names, and whether its answer is JSON in an `HttpBody`.
pub(super) fn rpc_of(path: &str) -> Option<(Rpc, bool)> {
    let (service, method) = path.strip_prefix("/aviary.api.")?.split_once('/')?;
    match (service, method) {
        ("timelines.v1.TimelineService", "GetHomeTimeline") => Some((Rpc::Home, false)),
        ("timelines.v1.TimelineServiceJson", "GetHomeTimeline") => Some((Rpc::Home, true)),
        ("timelines.v1.TimelineService", "GetUserTimeline") => Some((Rpc::User, false)),
        ("timelines.v1.TimelineServiceJson", "GetUserTimeline") => Some((Rpc::User, true)),
        ("tweets.v1.TweetService", "GetTweet") => Some((Rpc::Tweet, false)),
        ("tweets.v1.TweetServiceJson", "GetTweet") => Some((Rpc::Tweet, true)),
        _ => None,
    }
}

/// aviary.api.timelines.v1.GetHomeTimelineRequest.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HomeRequest {
    #[prost(int32, optional, tag = "1")]
    pub(super) limit: Option<i32>,
    #[prost(string, tag = "2")]
    pub(super) cursor: String,
    #[prost(int64, optional, tag = "3")]
    pub(super) since_id: Option<i64>,
    #[prost(string, optional, tag = "4")]
    pub(super) order: Option<String>,
}

/// aviary.api.timelines.v1.GetUserTimelineRequest.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UserRequest {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(int32, optional, tag = "2")]
    pub(super) limit: Option<i32>,
    #[prost(string, tag = "3")]
    pub(super) cursor: String,
    #[prost(int64, optional, tag = "4")]
    pub(super) since_id: Option<i64>,
    #[prost(string, optional, tag = "5")]
    pub(super) filter: Option<String>,
}

/// aviary.api.tweets.v1.GetTweetRequest.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TweetRequest {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
}

/// The message in a body of one gRPC frame; nothing for any other body, compressed ones included.
pub(super) fn message_of(body: &Bytes) -> Option<&[u8]> {
    let (head, message) = body.split_first_chunk::<FRAME_HEAD>()?;
    let [0, length @ ..] = head else { return None };
    (usize::try_from(u32::from_be_bytes(*length)) == Ok(message.len())).then_some(message)
}

/// What begins a gRPC frame around a message of so many bytes, which is not compressed.
pub(super) fn frame_head(length: usize) -> [u8; FRAME_HEAD] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [0, a, b, c, d]
}

/// A gRPC frame around a message.
pub(super) fn framed(message: &[u8]) -> Bytes {
    [&frame_head(message.len())[..], message].concat().into()
}

/// The token of a call's one authorization header.
pub(super) fn token_of(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all("authorization").iter();
    let value = sent.next()?.to_str().ok()?;
    if sent.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// How long the caller waits, as gRPC says it: up to eight digits and a unit.
pub(super) fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Whether a W3C trace context says that the call is not recorded.
pub(super) fn is_untraced(headers: &HeaderMap) -> bool {
    let flags = headers.get("traceparent").and_then(|value| value.to_str().ok()?.rsplit('-').next());
    flags.and_then(|flags| u8::from_str_radix(flags, 16).ok()).is_some_and(|flags| flags & 1 == 0)
}
