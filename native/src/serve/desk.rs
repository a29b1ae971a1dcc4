//! Calls for the handlers, handed over within the process: a queue, and a byte on a socket that wakes its reader.
//!
//! A second connection would cost each of them another server's work. What is odd about a call (a body of several
//! messages, a compressed one, a header that is no ASCII) makes it go the long way, where all of that has its answer.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt, Empty, Full};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::{Code, Status};

use super::call::{framed, message_of, timeout_of};

// Far more than the services let in at once, which they refuse with a reason; beyond it nobody takes them at all.
const MOST: usize = 8_192;
// Of the time that a caller waits this is left for the answer.
const WAY_BACK: Duration = Duration::from_millis(20);

/// A call that waits to be served.
#[derive(Debug)]
pub struct Handed {
    /// What its reply names it by.
    pub ticket: u64,
    /// Which of the paths that are served.
    pub route: usize,
    /// What came beside the message, as text.
    pub metadata: Vec<(String, String)>,
    /// For how long somebody waits, if they say so.
    pub timeout: Option<Duration>,
    /// What is asked, encoded.
    pub message: Bytes,
}

/// What comes of a call: headers, and a message or the status that stands for it.
#[derive(Debug)]
pub struct Reply {
    /// Told before either.
    pub headers: Vec<(String, String)>,
    /// The message, encoded, or why there is none.
    pub answer: Result<Bytes, Status>,
}

#[derive(Debug, Default)]
struct Queue {
    handed: Vec<Handed>,
    /// Calls that were taken, and whom nobody waits for any more.
    gone: Vec<u64>,
    waiting: HashMap<u64, oneshot::Sender<Reply>>,
    tickets: u64,
}

/// Where calls lie until they are taken, and whoever made them waits.
#[derive(Debug)]
pub(crate) struct Desk {
    queue: Mutex<Queue>,
    routes: OnceLock<HashMap<String, usize>>,
    bell: Arc<UnixStream>,
}

impl Desk {
    /// `bell` is written a byte to whenever there is something to take where there was nothing.
    pub(crate) fn new(bell: Arc<UnixStream>) -> Self {
        Self { queue: Mutex::default(), routes: OnceLock::new(), bell }
    }

    /// Says which calls may be handed over, by their paths; once, before the first of them.
    pub(crate) fn open(&self, paths: Vec<String>) {
        let _ = self.routes.set(paths.into_iter().enumerate().map(|(route, path)| (path, route)).collect());
    }

    /// Which of the calls this is; nothing for one that goes the long way.
    pub(super) fn route(&self, path: &str) -> Option<usize> {
        self.routes.get()?.get(path).copied()
    }

    /// Lets a call be served and waits for what comes of it; nothing when it is too odd to be handed over.
    pub(super) async fn serve(self: &Arc<Self>, route: usize, parts: &Parts, body: &Bytes) -> Option<Response<Body>> {
        let message = body.slice_ref(message_of(body)?);
        let metadata = metadata(&parts.headers)?;
        let timeout = timeout_of(&parts.headers);
        if timeout.is_none() && parts.headers.contains_key("grpc-timeout") {
            return None;
        }
        // At its end the transport says itself that the call is over, and not why.
        let timeout = timeout.map(|timeout| timeout.saturating_sub((timeout / 4).min(WAY_BACK)));
        let (sender, reply) = oneshot::channel();
        let Some(ticket) = self.hand(sender, |ticket| Handed { ticket, route, metadata, timeout, message }) else {
            return Some(Status::new(Code::ResourceExhausted, "too many calls wait; try again").into_http());
        };
        let _leaving = Leaving { desk: self, ticket };
        Some(match reply.await {
            Ok(reply) => respond(reply),
            Err(_) => Status::new(Code::Unavailable, "the service does not answer").into_http(),
        })
    }

    /// Takes what waits to be served, and whose callers went since they were taken.
    pub(crate) fn take(&self) -> (Vec<Handed>, Vec<u64>) {
        let mut queue = self.lock();
        (std::mem::take(&mut queue.handed), std::mem::take(&mut queue.gone))
    }

    /// Says what came of a call.
    pub(crate) fn reply(&self, ticket: u64, reply: Reply) {
        let waiting = self.lock().waiting.remove(&ticket);
        if let Some(waiting) = waiting {
            // Whoever asked may go this very moment.
            let _ = waiting.send(reply);
        }
    }

    fn hand(&self, sender: oneshot::Sender<Reply>, call: impl FnOnce(u64) -> Handed) -> Option<u64> {
        let mut queue = self.lock();
        if queue.waiting.len() >= MOST {
            return None;
        }
        queue.tickets += 1;
        let ticket = queue.tickets;
        queue.waiting.insert(ticket, sender);
        queue.handed.push(call(ticket));
        self.ring_at_first(&queue);
        Some(ticket)
    }

    /// Forgets a call whose caller left.
    fn leave(&self, ticket: u64) {
        let mut queue = self.lock();
        if queue.waiting.remove(&ticket).is_none() {
            return;
        }
        if let Some(place) = queue.handed.iter().position(|call| call.ticket == ticket) {
            queue.handed.swap_remove(place);
            return;
        }
        queue.gone.push(ticket);
        self.ring_at_first(&queue);
    }

    fn ring_at_first(&self, queue: &Queue) {
        if queue.handed.len() + queue.gone.len() == 1 {
            // A bell whose buffer is full rings already; one whose other end is gone has nobody to hear it.
            let _ = (&*self.bell).write(&[1]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of a call that ends before its answer: the stream was reset, or the connection is gone.
struct Leaving<'a> {
    desk: &'a Desk,
    ticket: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.desk.leave(self.ticket);
    }
}

/// What a caller sent beside the message; nothing when a value is no text.
fn metadata(headers: &HeaderMap) -> Option<Vec<(String, String)>> {
    if headers.get("grpc-encoding").is_some_and(|encoding| encoding != "identity") {
        return None;
    }
    let sent = headers.iter().filter(|(name, _)| !is_reserved(name));
    sent.map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

/// Headers of the protocol itself, and bytes, which no call of ours brings.
fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(name, "te" | "content-type" | "content-length") || name.starts_with("grpc-") || name.ends_with("-bin")
}

fn respond(reply: Reply) -> Response<Body> {
    let status = match reply.answer {
        Ok(message) => return with_trailers(&reply.headers, Full::new(framed(&message)), &Status::ok("")),
        Err(status) => status,
    };
    if reply.headers.is_empty() {
        return status.into_http();
    }
    with_trailers(&reply.headers, Empty::new(), &status)
}

fn with_trailers<B>(told: &[(String, String)], body: B, status: &Status) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    let mut trailers = HeaderMap::new();
    // What no header can hold is left out; the code stands.
    let _ = status.add_header(&mut trailers);
    let mut answer = Response::new(Body::new(body.with_trailers(async { Some(Ok(trailers)) })));
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    for (name, value) in told {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/aviary.api.tweets.v1.TweetService/CreateTweet";

    fn desk() -> (Arc<Desk>, UnixStream) {
        let (bell, heard) = UnixStream::pair().unwrap();
        heard.set_nonblocking(true).unwrap();
        let desk = Arc::new(Desk::new(Arc::new(bell)));
        desk.open(vec![PATH.to_owned()]);
        (desk, heard)
    }

    fn sent(headers: &[(&str, &[u8])]) -> Parts {
        let mut request = http::Request::new(());
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        request.into_parts().0
    }

    async fn taken(desk: &Desk) -> Handed {
        loop {
            if let Some(call) = desk.take().0.pop() {
                return call;
            }
            tokio::task::yield_now().await;
        }
    }

    fn replied(answer: Result<Bytes, Status>) -> Reply {
        Reply { headers: vec![("x-ratelimit-limit".to_owned(), "3".to_owned())], answer }
    }

    #[tokio::test]
    async fn a_call_is_handed_over_and_its_answer_comes_back() {
        let (desk, _heard) = desk();
        let parts = sent(&[("authorization", b"Bearer t"), ("grpc-timeout", b"250m"), ("te", b"trailers")]);
        let server = Arc::clone(&desk);
        let serving = tokio::spawn(async move {
            let call = taken(&server).await;
            assert_eq!((call.route, &call.message[..]), (0, &b"ask"[..]));
            assert_eq!(call.metadata, [("authorization".to_owned(), "Bearer t".to_owned())]);
            assert_eq!(call.timeout, Some(Duration::from_millis(230)));
            server.reply(call.ticket, replied(Ok(Bytes::from_static(b"told"))));
        });
        let answer = desk.serve(desk.route(PATH).unwrap(), &parts, &framed(b"ask")).await.unwrap();
        serving.await.unwrap();
        assert_eq!(answer.headers()["x-ratelimit-limit"], "3");
        let body = answer.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(body.to_bytes(), framed(b"told"));
        assert_eq!(desk.take().1, [0_u64; 0]);
    }

    #[tokio::test]
    async fn a_refusal_is_a_status_after_the_headers_that_were_told() {
        let (desk, _heard) = desk();
        let server = Arc::clone(&desk);
        let serving = tokio::spawn(async move {
            let status = Status::with_details(Code::NotFound, "kein Vögelchen", Bytes::from_static(b"why"));
            let call = taken(&server).await;
            server.reply(call.ticket, replied(Err(status.clone())));
            let call = taken(&server).await;
            server.reply(call.ticket, Reply { headers: Vec::new(), answer: Err(status) });
        });
        let answer = desk.serve(0, &sent(&[]), &framed(b"")).await.unwrap();
        assert!(!answer.headers().contains_key("grpc-status"));
        let body = answer.into_body().collect().await.unwrap();
        let trailers = body.trailers().unwrap();
        assert_eq!(
            (&trailers["grpc-status"], &trailers["grpc-message"]),
            (&"5".parse().unwrap(), &"kein%20V%C3%B6gelchen".parse().unwrap())
        );
        assert_eq!(trailers["grpc-status-details-bin"], "d2h5");
        // With nothing to tell before it, the status is all there is.
        let answer = desk.serve(0, &sent(&[]), &framed(b"")).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "5");
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_caller_that_leaves_is_told_of_and_one_that_was_not_taken_is_forgotten() {
        let (desk, _heard) = desk();
        let (parts, body) = (sent(&[]), framed(b""));
        let mut untaken = Box::pin(desk.serve(0, &parts, &body));
        assert!(futures_poll(&mut untaken).await);
        drop(untaken);
        assert!(desk.take().0.is_empty());
        let mut gone = Box::pin(desk.serve(0, &parts, &body));
        assert!(futures_poll(&mut gone).await);
        let call = taken(&desk).await;
        drop(gone);
        assert_eq!(desk.take().1, [call.ticket]);
        desk.reply(call.ticket, replied(Ok(Bytes::new())));
    }

    /// Polls once; whether it waits.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
        })
        .await
    }

    #[tokio::test]
    async fn whatever_is_odd_goes_the_long_way() {
        let (desk, _heard) = desk();
        assert_eq!(desk.route("/aviary.api.graph.v1.GraphService/StreamFollowers"), None);
        let two = [framed(b"one"), framed(b"two")].concat().into();
        assert!(desk.serve(0, &sent(&[]), &two).await.is_none());
        for odd in [("grpc-encoding", &b"gzip"[..]), ("x-client-name", b"caf\xe9"), ("grpc-timeout", b"soon")] {
            assert!(desk.serve(0, &sent(&[odd]), &framed(b"")).await.is_none(), "{odd:?}");
        }
        assert!(desk.take().0.is_empty());
    }

    #[test]
    fn the_bell_rings_once_for_all_that_waits() {
        let (desk, heard) = desk();
        let hand = || {
            let call = |ticket| Handed { ticket, route: 0, metadata: Vec::new(), timeout: None, message: Bytes::new() };
            desk.hand(oneshot::channel().0, call)
        };
        let (first, second) = (hand().unwrap(), hand().unwrap());
        let mut bytes = [0; 8];
        assert_eq!(std::io::Read::read(&mut &heard, &mut bytes).unwrap(), 1);
        let tickets: Vec<u64> = desk.take().0.iter().map(|call| call.ticket).collect();
        assert_eq!(tickets, [first, second]);
        hand().unwrap();
        assert_eq!(std::io::Read::read(&mut &heard, &mut bytes).unwrap(), 1);
    }

    #[tokio::test]
    async fn what_nobody_takes_is_refused_beyond_a_bound() {
        let (desk, _heard) = desk();
        let call = |ticket| Handed { ticket, route: 0, metadata: Vec::new(), timeout: None, message: Bytes::new() };
        let waiting: Vec<_> = (0..MOST).map(|_| desk.hand(oneshot::channel().0, call).unwrap()).collect();
        let answer = desk.serve(0, &sent(&[]), &framed(b"")).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "8");
        desk.leave(waiting[0]);
        assert!(desk.hand(oneshot::channel().0, call).is_some());
    }
}
