//! One hot read: is it one that can be answered here, and if so, with what.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use prost::Message;
use tokio::time::{Instant, timeout_at};
use tonic::Code;
use tonic::body::Body;

use crate::clock::{boottime_ns, system_ms};
use crate::front::{Ask, Format, Front, Miss};
use crate::limits::{Limit, Usage};
use crate::row::MAX_ID;
use crate::serve::call::{
    FRAME_HEAD, HomeRequest, Rpc, TweetRequest, UserRequest, frame_head, is_untraced, message_of,
};
use crate::serve::call::{timeout_of, token_of};
use crate::serve::stats::Outcome;
use crate::serve::{Freshened, Missed, Quota, Refund, Shared, Stale, refusal};
use crate::wire::{put_bytes, put_head};

// A home that nothing is held of takes four: its list, its tweets, what these hold, whose retweet was first.
const MOST_FILLS: usize = 6;
const DEFAULT_LIMIT: i32 = 20;
const MAX_LIMIT: i32 = 100;
// In front of an answer, for what frames it: the frame's head, and for JSON those of an HttpBody's two fields.
const ROOM: usize = FRAME_HEAD + 32;

/// What is asked, checked.
struct Asked {
    ask: Ask,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Home,
    User(u64),
    Tweet(u64),
}

/// Answers a call, or leaves it to the handlers.
pub(super) async fn answer(
    shared: &Shared,
    rpc: Rpc,
    is_json: bool,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<(Response<Body>, Outcome)> {
    let options = &shared.options;
    if options.traces && !is_untraced(headers) {
        return None;
    }
    let viewer = caller(shared, headers)?;
    let format = if is_json { Format::Json } else { Format::Proto };
    let asked = asked(&options.front, rpc, message_of(body)?, viewer, format)?;
    let until = Instant::now() + timeout_of(headers).unwrap_or(options.deadline).min(options.deadline);
    let usage = if options.is_shared {
        timeout_at(until, freshened(shared, &asked)).await.ok().flatten()?
    } else {
        spent(options.limit.as_ref(), viewer)?
    };
    let Some((page, outcome)) = timeout_at(until, filled(shared, asked, render)).await.ok().flatten() else {
        // The handlers count it.
        if let Some(usage) = usage {
            refund(shared, viewer, usage);
        }
        return None;
    };
    let answer = match page {
        Some(page) => success(page, is_json, options.limit.as_ref().zip(usage)),
        None => refusal(Code::Internal, "internal error", Some(&options.internal)),
    };
    Some((answer, outcome))
}

/// The page, from what is held or after what it misses was put; no bytes when making it panicked.
async fn filled(
    shared: &Shared,
    mut asked: Asked,
    render: impl Fn(&Front, &Asked) -> Result<Vec<u8>, Miss>,
) -> Option<(Option<Vec<u8>>, Outcome)> {
    let mut outcome = Outcome::Held;
    for _ in 0..MOST_FILLS {
        asked.ask.now_ms = shared.options.clock.now_ms();
        match catch_unwind(AssertUnwindSafe(|| render(&shared.options.front, &asked))) {
            Err(_) => return Some((None, Outcome::Panicked)),
            Ok(Ok(page)) => return Some((Some(page), outcome)),
            Ok(Err(miss)) if miss.is_declined => return None,
            Ok(Err(miss)) => {
                let is_put = shared.misses.ask(Missed { viewer: asked.ask.viewer, miss })?.await;
                if !is_put.unwrap_or(false) {
                    return None;
                }
                outcome = Outcome::Filled;
            }
        }
    }
    None
}

fn render(front: &Front, asked: &Asked) -> Result<Vec<u8>, Miss> {
    match asked.what {
        What::Home => front.home(&asked.ask),
        What::User(author) => front.user(&asked.ask, author),
        What::Tweet(id) => front.tweet(&asked.ask, id),
    }
}

/// Who calls, if their token is known and their session stands.
fn caller(shared: &Shared, headers: &HeaderMap) -> Option<u64> {
    let now_s = Duration::from_millis(system_ms()).as_secs_f64();
    let bearer = shared.tokens.bearer(token_of(headers)?, now_s)?;
    let denied = &shared.options.denied;
    let is_refused = denied.contains(bearer.session, now_s) || denied.contains(bearer.user, now_s);
    (!is_refused).then_some(bearer.user)
}

fn asked(front: &Front, rpc: Rpc, message: &[u8], viewer: u64, format: Format) -> Option<Asked> {
    let base = Ask { viewer, limit: 1, below: MAX_ID, above: 0, now_ms: 0, format, room: ROOM };
    match rpc {
        Rpc::Home => {
            let sent = HomeRequest::decode(message).ok()?;
            if sent.order.as_deref().is_some_and(|order| order != "latest") {
                return None;
            }
            let below = front.home_cursor(viewer, &sent.cursor)?;
            Some(Asked { ask: bounded(base, sent.limit, below, sent.since_id)?, what: What::Home })
        }
        Rpc::User => {
            let sent = UserRequest::decode(message).ok()?;
            let author = u64::try_from(sent.id).ok()?;
            if sent.filter.as_deref().is_some_and(|filter| filter != "all") {
                return None;
            }
            let below = front.user_cursor(viewer, author, &sent.cursor)?;
            Some(Asked { ask: bounded(base, sent.limit, below, sent.since_id)?, what: What::User(author) })
        }
        Rpc::Tweet => {
            let id = u64::try_from(TweetRequest::decode(message).ok()?.id).ok()?;
            Some(Asked { ask: base, what: What::Tweet(id) })
        }
    }
}

fn bounded(ask: Ask, limit: Option<i32>, below: u64, since_id: Option<i64>) -> Option<Ask> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let limit = usize::try_from(limit).ok().filter(|_| (1..=MAX_LIMIT).contains(&limit))?;
    Some(Ask { limit, below, above: u64::try_from(since_id.unwrap_or(0)).ok()?, ..ask })
}

/// Waits until what others told was taken in; nothing when the handlers have to answer.
async fn freshened(shared: &Shared, asked: &Asked) -> Option<Option<Usage>> {
    let stale = Stale { viewer: asked.ask.viewer, home: matches!(asked.what, What::Home) };
    match shared.stale.ask(stale)?.await {
        Ok(Freshened::Yes(usage)) => Some(usage),
        Ok(Freshened::No) | Err(_) => None,
    }
}

/// Takes a unit, where there is a limit; nothing when none is left, which the handlers say.
#[expect(clippy::option_option, reason = "no limit is not the same as nothing left of it")]
fn spent(quota: Option<&Quota>, viewer: u64) -> Option<Option<Usage>> {
    let Some((quota, windows)) = quota.and_then(|quota| Some((quota, quota.windows.as_ref()?))) else {
        return Some(None);
    };
    let limit = Limit { name: &quota.name, count: quota.count, window_s: quota.window_s };
    let now_s = Duration::from_nanos(boottime_ns()).as_secs_f64();
    let usage = windows.spend(limit, &viewer.to_string(), 1, now_s);
    usage.allowed.then_some(Some(usage))
}

fn refund(shared: &Shared, viewer: u64, usage: Usage) {
    let Some(quota) = &shared.options.limit else { return };
    match &quota.windows {
        Some(windows) => windows.refund(&quota.name, &viewer.to_string(), usage.token),
        // Beyond what waits at most it stays spent, until it leaves its window.
        None => drop(shared.refunds.ask(Refund { viewer, token: usage.token })),
    }
}

/// The frame of an answer that has [`ROOM`] in front of it.
fn in_frame(mut page: Vec<u8>, is_json: bool) -> Bytes {
    let mut heads = Vec::with_capacity(ROOM);
    if is_json {
        put_bytes(&mut heads, 1, b"application/json");
        put_head(&mut heads, 2, page.len() - ROOM);
    }
    let from = ROOM - heads.len();
    page[from..ROOM].copy_from_slice(&heads);
    let start = from - FRAME_HEAD;
    let head = frame_head(page.len() - from);
    page[start..from].copy_from_slice(&head);
    Bytes::from(page).slice(start..)
}

fn success(page: Vec<u8>, is_json: bool, spent: Option<(&Quota, Usage)>) -> Response<Body> {
    let frame = in_frame(page, is_json);
    let trailers = async {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        Some(Ok(trailers))
    };
    let mut answer = Response::new(Body::new(Full::new(frame).with_trailers(trailers)));
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    if let Some((limit, usage)) = spent {
        headers.insert("x-ratelimit-limit", HeaderValue::from(limit.count));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(usage.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(whole_seconds(usage.reset_s)));
    }
    answer
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a window's seconds, from 0 up")]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::serve::tests::server;

    fn asked() -> Asked {
        let ask = Ask { viewer: 7, limit: 20, below: MAX_ID, above: 0, now_ms: 0, format: Format::Proto, room: ROOM };
        Asked { ask, what: What::Home }
    }

    #[tokio::test]
    async fn a_panic_is_told_and_nothing_else_ends() {
        let server = server();
        let answer = filled(&server.shared, asked(), |_, _| panic!("a bug")).await;
        assert_eq!(answer, Some((None, Outcome::Panicked)));
        // The next one finds all in order.
        let answer = filled(&server.shared, asked(), |_, _| Ok(vec![1])).await;
        assert_eq!(answer, Some((Some(vec![1]), Outcome::Held)));
    }

    #[tokio::test]
    async fn what_is_missing_is_asked_for_and_what_cannot_be_had_is_passed_on() {
        let server = Arc::new(server());
        let filler = Arc::clone(&server);
        // The first miss is put, the second can't be.
        let filling = tokio::spawn(async move {
            for is_put in [true, false] {
                let taken = loop {
                    let taken = filler.take_misses();
                    if !taken.is_empty() {
                        break taken;
                    }
                    tokio::task::yield_now().await;
                };
                assert_eq!(taken.len(), 1);
                assert!(taken[0].1.miss.home);
                filler.filled(taken[0].0, is_put);
            }
        });
        let answer = filled(&server.shared, asked(), render).await;
        assert_eq!(answer, None);
        filling.await.unwrap();
    }
}
