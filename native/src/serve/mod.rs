//! The front's own gRPC server: hot reads are answered here, and every other call is passed on to the handlers.
//!
//! It answers what it is sure of and nothing else: a token that the services have verified, a request that is right,
//! a page that is held or can be filled. Whatever differs goes to the handlers as it came, so that there is one place
//! that says why something is refused.

mod call;
mod cork;
mod desk;
#[cfg(test)]
mod fuzz;
mod hot;
mod peer;
mod proxy;
mod stats;
mod tls;
mod tokens;
mod wishes;

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tonic::Code;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::transport::Server as Transport;
use tonic::transport::server::TcpIncoming;

use crate::clock::BusinessClock;
use crate::denied::DenyList;
use crate::front::{Front, Miss};
use crate::limits::{RateLimits, Usage};
use crate::serve::call::rpc_of;
use crate::serve::desk::Desk;
use crate::serve::peer::Peer;
use crate::serve::proxy::{Proxy, again};
use crate::serve::stats::Outcome;
use crate::serve::tls::{Doorway, Trust};
use crate::serve::tokens::Tokens;
use crate::serve::wishes::Wishes;

pub use call::Rpc;
pub use desk::{Handed, Reply};
pub use stats::{BOUNDS_US, CallStats};
pub(crate) use tokens::Bearer;

const MAX_MESSAGE_BYTES: usize = 8 << 20;
const MAX_METADATA_BYTES: u32 = 80 << 10;
// A service that is behind is not given more to do: beyond these, the handlers refuse what is too much.
const MOST_MISSES: usize = 256;
const MOST_STALE: usize = 1_024;

/// How calls of people are limited.
#[derive(Clone, Debug)]
pub struct Quota {
    /// Shared with the handlers: a call counts once, wherever it is answered. `None` where all processes of a fleet
    /// count together: then a unit is taken as a call is freshened.
    pub windows: Option<Arc<RateLimits>>,
    /// The limit's name, and how many calls in how many seconds.
    pub name: String,
    /// See `name`.
    pub count: usize,
    /// See `name`.
    pub window_s: f64,
}

/// What a server is made of.
#[derive(Debug)]
pub struct Options {
    /// What is held.
    pub front: Arc<Front>,
    /// Sessions and users that are refused.
    pub denied: Arc<DenyList>,
    /// `None` lifts the limit.
    pub limit: Option<Quota>,
    /// Business time.
    pub clock: Arc<BusinessClock>,
    /// Of calls that bring none.
    pub deadline: Duration,
    /// Others write what is held here: each call waits until what they told was taken in.
    pub is_shared: bool,
    /// Calls that are recorded go to the handlers, which know how.
    pub traces: bool,
    /// Streams of one connection at once.
    pub max_streams: u32,
    /// A `google.rpc.Status`: what a caller is told of a bug.
    pub internal: Vec<u8>,
    /// Threads that answer.
    pub threads: usize,
    /// Proves to the handlers that a call comes through here.
    pub secret: HeaderValue,
    /// The URIs in the certificates of those who may make hot reads.
    pub readers: HashSet<String>,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// How connections end that nobody ends; `None` keeps them.
    pub upkeep: Option<Upkeep>,
}

/// When connections end by themselves.
#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// They take no more calls after so long, so that new replicas get their share.
    pub age: Duration,
    /// So often a silent one is asked for a sign of life, and ends without one within as long.
    pub ping: Duration,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    misses: Wishes<Missed, bool>,
    stale: Wishes<Stale, Freshened>,
    // Units of calls that the handlers count again.
    refunds: Wishes<Refund, ()>,
    desk: Arc<Desk>,
    tokens: Tokens,
    stats: [CallStats; 3],
}

/// What a viewer's page misses.
#[derive(Debug)]
pub struct Missed {
    /// Who reads.
    pub viewer: u64,
    /// What has to be put first.
    pub miss: Miss,
}

/// A call that waits until what is held is as fresh as the stores.
#[derive(Clone, Copy, Debug)]
pub struct Stale {
    /// Who reads, and whose unit is to be taken.
    pub viewer: u64,
    /// Whether their home is read.
    pub home: bool,
}

/// What is said of a stale call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Freshened {
    /// It can be answered from here; with what is left of the limit, if there is one.
    Yes(Option<Usage>),
    /// The handlers have to: nobody knows what changed, or nothing is left of the limit.
    No,
}

/// A unit to be given back.
#[derive(Clone, Copy, Debug)]
pub struct Refund {
    /// Whose it is.
    pub viewer: u64,
    /// What it was taken by.
    pub token: u64,
}

/// A server that runs on threads of its own until it is stopped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
    heard: UnixStream,
    // Set by the first certificates; without them whoever connects is let in.
    trust: OnceLock<Arc<Trust>>,
}

#[derive(Debug)]
struct Running {
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

impl Server {
    /// Makes a server that does not listen yet.
    ///
    /// # Errors
    /// When no pair of sockets is to be had.
    pub fn new(options: Options) -> io::Result<Self> {
        let (bell, heard) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        let bell = Arc::new(bell);
        let shared = Shared {
            misses: Wishes::new(Arc::clone(&bell), MOST_MISSES),
            stale: Wishes::new(Arc::clone(&bell), MOST_STALE),
            refunds: Wishes::new(Arc::clone(&bell), MOST_STALE),
            desk: Arc::new(Desk::new(bell)),
            options,
            tokens: Tokens::default(),
            stats: Default::default(),
        };
        Ok(Self { shared: Arc::new(shared), running: Mutex::default(), heard, trust: OnceLock::new() })
    }

    /// Says which calls may be taken here, by their paths; once, before the first. Others are passed on.
    pub fn open_desk(&self, paths: Vec<String>) {
        self.shared.desk.open(paths);
    }

    /// Takes the calls that wait to be served, and the tickets of those whose callers left since they were taken.
    #[must_use]
    pub fn take_calls(&self) -> (Vec<Handed>, Vec<u64>) {
        self.shared.desk.take()
    }

    /// Says what came of a call; nothing happens when nobody waits for it.
    pub fn reply(&self, ticket: u64, reply: Reply) {
        self.shared.desk.reply(ticket, reply);
    }

    /// Becomes readable when something is missing or a call was handed over; its bytes mean nothing.
    #[must_use]
    pub fn bell(&self) -> RawFd {
        self.heard.as_raw_fd()
    }

    /// From now on shows these pairs of key and chain, and takes whom these authorities signed for, all in PEM; with no
    /// authority it takes nobody. Handshakes begun before go on as they began, connections stay.
    ///
    /// # Errors
    /// A sentence about what can't be used; then all stays as it was.
    pub fn trust(&self, pairs: &[(Vec<u8>, Vec<u8>)], authorities: &[u8]) -> Result<(), String> {
        let options = &self.shared.options;
        let trust = self.trust.get_or_init(|| Arc::new(Trust::new(options.readers.clone(), options.handshake)));
        trust.replace(pairs, authorities)
    }

    /// How many connections ended before it was known whose they are.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.trust.get().map_or(0, |trust| trust.refused())
    }

    /// Listens at `address`, port 0 for a free one, and passes on to `upstream`; returns where it listens.
    ///
    /// # Errors
    /// When the address is taken, or no thread is to be had.
    pub fn start(&self, address: SocketAddr, upstream: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let authority: Authority = upstream.to_string().parse().map_err(io::Error::other)?;
        let options = &self.shared.options;
        let runtime =
            Builder::new_multi_thread().worker_threads(options.threads).thread_name("front").enable_all().build()?;
        let (stop, signal) = oneshot::channel();
        let (ended, stopped) = oneshot::channel();
        let transport = transport(options);
        let entered = runtime.enter();
        let gate = Gate { shared: Arc::clone(&self.shared), proxy: Proxy::new(authority, options.secret.clone()) };
        let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
        drop(entered);
        let trust = self.trust.get().map(Arc::clone);
        runtime.spawn(async move {
            let told = async {
                let _ = signal.await;
            };
            // Only a listener that broke ends it early; then nobody connects, which every balancer sees.
            let _ = transport.serve_with_incoming_shutdown(gate, Doorway::new(incoming, trust), told).await;
            let _ = ended.send(());
        });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { runtime, stop, stopped });
        Ok(bound)
    }

    /// Takes no more connections, lets the calls under way finish within `grace`, and ends the threads.
    pub fn stop(&self, grace: Duration) {
        let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let _ = running.stop.send(());
        let stopped = running.stopped;
        running.runtime.block_on(async {
            let _ = tokio::time::timeout(grace, stopped).await;
        });
        running.runtime.shutdown_timeout(Duration::from_secs(1));
    }

    /// Says that the services verified this token, and whose it is.
    pub fn know_token(&self, token: &str, user: u64, session: u64, expires_s: f64, now_s: f64) {
        self.shared.tokens.know(token, Bearer { user, session, expires_s }, now_s);
    }

    /// Takes what is missing, with its tickets.
    #[must_use]
    pub fn take_misses(&self) -> Vec<(u64, Missed)> {
        self.shared.misses.take()
    }

    /// Says that what a ticket stands for was put, or could not be.
    pub fn filled(&self, ticket: u64, is_put: bool) {
        self.shared.misses.done(ticket, is_put);
    }

    /// Takes the calls that wait to be freshened, with their tickets.
    #[must_use]
    pub fn take_stale(&self) -> Vec<(u64, Stale)> {
        self.shared.stale.take()
    }

    /// Says how a stale call goes on.
    pub fn freshened(&self, ticket: u64, freshened: Freshened) {
        self.shared.stale.done(ticket, freshened);
    }

    /// Takes the units that are to be given back.
    #[must_use]
    pub fn take_refunds(&self) -> Vec<Refund> {
        let taken = self.shared.refunds.take();
        taken
            .into_iter()
            .map(|(ticket, refund)| {
                self.shared.refunds.done(ticket, ());
                refund
            })
            .collect()
    }

    /// The counts of each call, in the order of [`Rpc::ALL`].
    #[must_use]
    pub fn stats(&self) -> &[CallStats; 3] {
        &self.shared.stats
    }
}

fn transport(options: &Options) -> Transport {
    let transport = Transport::builder()
        .max_concurrent_streams(options.max_streams)
        .http2_max_header_list_size(MAX_METADATA_BYTES)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(1 << 24);
    match options.upkeep {
        Some(upkeep) => transport
            .max_connection_age(upkeep.age)
            .http2_keepalive_interval(Some(upkeep.ping))
            .http2_keepalive_timeout(Some(upkeep.ping)),
        None => transport,
    }
}

#[derive(Clone, Debug)]
struct Gate {
    shared: Arc<Shared>,
    proxy: Proxy,
}

impl Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { shared, proxy } = self.clone();
        Box::pin(async move { Ok(serve(&shared, &proxy, request).await) })
    }
}

async fn serve(shared: &Shared, proxy: &Proxy, request: Request<Body>) -> Response<Body> {
    let peer = Peer::of(&request);
    // Whoever may not make a hot read learns it from the handlers.
    let Some((rpc, is_json)) = rpc_of(request.uri().path()).filter(|_| peer.may_read()) else {
        // In boxes of their own: a future as large as theirs would be moved about with every hot read.
        return Box::pin(hand_over(shared, proxy, &peer, request)).await;
    };
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_MESSAGE_BYTES).collect().await else {
        return refusal(Code::ResourceExhausted, "the message is too long", None);
    };
    let body = body.to_bytes();
    let (answer, outcome) = match hot::answer(shared, rpc, is_json, &parts.headers, &body).await {
        Some(answered) => answered,
        None => (Box::pin(pass_on(shared, proxy, &peer, parts, body)).await, Outcome::PassedOn),
    };
    shared.stats[rpc as usize].count(outcome, began.elapsed());
    answer
}

/// Lets the handlers answer a call that is none of ours; one that is no call of theirs with one answer as it comes.
async fn hand_over(shared: &Shared, proxy: &Proxy, peer: &Peer, request: Request<Body>) -> Response<Body> {
    if shared.desk.route(request.uri().path()).is_none() {
        return proxy.pass(request, peer).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_MESSAGE_BYTES).collect().await else {
        return refusal(Code::ResourceExhausted, "the message is too long", None);
    };
    pass_on(shared, proxy, peer, parts, body.to_bytes()).await
}

/// Lets the handlers answer: over the desk where that is open for the call, else through the server behind.
async fn pass_on(shared: &Shared, proxy: &Proxy, peer: &Peer, mut parts: Parts, body: Bytes) -> Response<Body> {
    if let Some(route) = shared.desk.route(parts.uri.path()) {
        peer.tell(&mut parts.headers, &shared.options.secret);
        if let Some(answer) = shared.desk.serve(route, &parts, &body).await {
            return answer;
        }
    }
    proxy.pass(Request::from_parts(parts, again(body)), peer).await
}

/// An answer that is an error.
fn refusal(code: Code, message: &'static str, details: Option<&[u8]>) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(code as i32));
    headers.insert("grpc-message", HeaderValue::from_static(message));
    if let Some(Ok(details)) = details.map(|details| STANDARD_NO_PAD.encode(details).try_into()) {
        headers.insert("grpc-status-details-bin", details);
    }
    answer
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::front::Room;
    use crate::timeline::{Limits, TimelineStore};

    /// A server that holds nothing and does not listen.
    pub(super) fn server() -> Server {
        let lists = Arc::new(TimelineStore::new(Limits { capacity: 800, idle_ttl_ms: 1 << 40, max_bytes: 1 << 20 }));
        let room = Room { tweets: 1 << 20, people: 1 << 20, viewers: 1 << 20, authors: 1 << 20, author_rows: 200 };
        let clock = Arc::new(BusinessClock::default());
        let described = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../services/aviary/api/descriptors.binpb"));
        let front = Front::new(lists, Arc::clone(&clock), room, &described.unwrap(), &[7; 32], false).unwrap();
        let options = Options {
            front: Arc::new(front.unwrap()),
            denied: Arc::default(),
            limit: None,
            clock,
            is_shared: false,
            deadline: Duration::from_secs(5),
            traces: false,
            max_streams: 100,
            internal: Vec::new(),
            threads: 1,
            secret: HeaderValue::from_static("s"),
            readers: HashSet::new(),
            handshake: Duration::from_secs(1),
            upkeep: None,
        };
        Server::new(options).unwrap()
    }
}
