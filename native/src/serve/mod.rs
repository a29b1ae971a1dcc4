//! The front's own gRPC server: hot reads are answered here, and every other call is passed on to the handlers.
//!
//! It answers what it is sure of and nothing else: a token that the services have verified, a request that is right,
//! a page that is held or can be filled. Whatever differs goes to the handlers as it came, so that there is one place
//! that says why something is refused.

mod call;
mod hot;
mod misses;
mod proxy;
mod stats;
mod tokens;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::uri::Authority;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tonic::Code;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::transport::Server as Transport;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};

use crate::clock::BusinessClock;
use crate::denied::DenyList;
use crate::front::Front;
use crate::limits::RateLimits;
use crate::serve::call::rpc_of;
use crate::serve::misses::Misses;
use crate::serve::proxy::{Proxy, again, name_caller};
use crate::serve::stats::Outcome;
use crate::serve::tokens::Tokens;

pub use call::Rpc;
pub use stats::{BOUNDS_US, CallStats};
pub(crate) use tokens::Bearer;

const ADDRESS: &str = "x-aviary-address";
const MAX_MESSAGE_BYTES: usize = 8 << 20;
const MAX_METADATA_BYTES: u32 = 80 << 10;

/// How calls of people are limited.
#[derive(Clone, Debug)]
pub struct Quota {
    /// Shared with the handlers: a call counts once, wherever it is answered.
    pub windows: Arc<RateLimits>,
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
    /// Calls that are recorded go to the handlers, which know how.
    pub traces: bool,
    /// Streams of one connection at once.
    pub max_streams: u32,
    /// A `google.rpc.Status`: what a caller is told of a bug.
    pub internal: Vec<u8>,
    /// Threads that answer.
    pub threads: usize,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    misses: Misses,
    tokens: Tokens,
    stats: [CallStats; 3],
}

/// A server that runs on threads of its own until it is stopped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
    heard: UnixStream,
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
        let shared =
            Shared { misses: Misses::new(bell), options, tokens: Tokens::default(), stats: Default::default() };
        Ok(Self { shared: Arc::new(shared), running: Mutex::default(), heard })
    }

    /// Becomes readable when something is missing; its bytes mean nothing.
    #[must_use]
    pub fn bell(&self) -> RawFd {
        self.heard.as_raw_fd()
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
        let transport = Transport::builder()
            .max_concurrent_streams(options.max_streams)
            .http2_max_header_list_size(MAX_METADATA_BYTES)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(1 << 24);
        let entered = runtime.enter();
        let gate = Gate { shared: Arc::clone(&self.shared), proxy: Proxy::new(authority) };
        let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
        drop(entered);
        runtime.spawn(async move {
            // Only a listener that broke ends it early; then nobody connects, which every balancer sees.
            let _ = transport
                .serve_with_incoming_shutdown(gate, incoming, async {
                    let _ = signal.await;
                })
                .await;
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

    /// Takes what is missing: a ticket, the viewer, and what.
    #[must_use]
    pub fn take_misses(&self) -> Vec<(u64, u64, crate::front::Miss)> {
        let wanted = self.shared.misses.take();
        wanted.into_iter().map(|wanted| (wanted.ticket, wanted.viewer, wanted.miss)).collect()
    }

    /// Says that what a ticket stands for was put, or could not be.
    pub fn filled(&self, ticket: u64, is_put: bool) {
        self.shared.misses.done(ticket, is_put);
    }

    /// The counts of each call, in the order of [`Rpc::ALL`].
    #[must_use]
    pub fn stats(&self) -> &[CallStats; 3] {
        &self.shared.stats
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

async fn serve(shared: &Shared, proxy: &Proxy, mut request: Request<Body>) -> Response<Body> {
    let caller = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    name_caller(&mut request, caller);
    let Some((rpc, is_json)) = rpc_of(request.uri().path()) else { return proxy.pass(request).await };
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_MESSAGE_BYTES).collect().await else {
        return refusal(Code::ResourceExhausted, "the message is too long", None);
    };
    let body = body.to_bytes();
    let (answer, outcome) = match hot::answer(shared, rpc, is_json, &parts.headers, &body).await {
        Some(answered) => answered,
        None => (proxy.pass(Request::from_parts(parts, again(body))).await, Outcome::PassedOn),
    };
    shared.stats[rpc as usize].count(outcome, began.elapsed());
    answer
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
        let front = Front::new(lists, Arc::clone(&clock), room, &described.unwrap(), &[7; 32]).unwrap().unwrap();
        let options = Options {
            front: Arc::new(front),
            denied: Arc::default(),
            limit: None,
            clock,
            deadline: Duration::from_secs(5),
            traces: false,
            max_streams: 100,
            internal: Vec::new(),
            threads: 1,
        };
        Server::new(options).unwrap()
    }
}
