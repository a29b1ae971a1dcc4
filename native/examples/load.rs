//! A client that costs less than what it asks: homes over gRPC, as fast as they are answered.
//!
//! `load ADDRESS CONNECTIONS CALLS SECONDS TOKENS`: so many calls under way at once, shared out over kept connections,
//! each of the next person in TOKENS, a file of a token a line. Prints a line of JSON: `faults` are the answers that
//! were no page of twenty tweets, `latencies_us` are of all answers.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aviary_native::wire::{Fields, Value, put_number};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

type Failure = Box<dyn Error + Send + Sync>;

const HOME: &str = "/aviary.api.timelines.v1.TimelineService/GetHomeTimeline";
const PAGE: usize = 20;
const TWEETS: u32 = 1;

struct Load {
    address: String,
    tokens: Vec<HeaderValue>,
    next: AtomicUsize,
    until: Instant,
}

#[derive(Default)]
struct Seen {
    latencies_us: Vec<u128>,
    faults: usize,
}

impl Load {
    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let token = &self.tokens[self.next.fetch_add(1, Ordering::Relaxed) % self.tokens.len()];
        let request = Request::post(format!("http://{}{HOME}", self.address))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .header(header::AUTHORIZATION, token.clone());
        let mut message = Vec::new();
        put_number(&mut message, 1, PAGE as u64);
        let length = u32::try_from(message.len())?;
        Ok(request.body(Full::new([&[0], &length.to_be_bytes()[..], &message].concat().into()))?)
    }

    async fn carry(&self, mut connection: SendRequest<Full<Bytes>>) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        while Instant::now() < self.until {
            let request = self.request()?;
            let began = Instant::now();
            connection.ready().await?;
            let is_page = is_page(connection.send_request(request).await?).await?;
            seen.latencies_us.push(began.elapsed().as_micros());
            seen.faults += usize::from(!is_page);
        }
        Ok(seen)
    }
}

/// Whether it says OK and brings one whole frame with as many tweets as were asked for.
async fn is_page(answer: Response<Incoming>) -> Result<bool, Failure> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await?;
    let status = body.trailers().and_then(|trailers| trailers.get("grpc-status")).or(head.headers.get("grpc-status"));
    let is_ok = head.status == 200 && status.is_some_and(|status| status == "0");
    let bytes = body.to_bytes();
    let Some(([0, length @ ..], message)) = bytes.split_first_chunk::<5>() else { return Ok(false) };
    let is_whole = u32::from_be_bytes(*length) as usize == message.len();
    let is_tweet = |field| matches!(field, Ok((TWEETS, Value::Bytes(_))));
    Ok(is_ok && is_whole && Fields::of(message).filter(|field| is_tweet(*field)).count() == PAGE)
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = Builder::new(TokioExecutor::new())
        // Nobody waits for a window to open.
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(1 << 24)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn run(load: Arc<Load>, connections: usize, calls: usize) -> Result<Seen, Failure> {
    let mut senders = Vec::new();
    for _ in 0..connections {
        senders.push(connect(&load.address).await?);
    }
    let carriers: Vec<_> = (0..calls)
        .map(|call| {
            let (load, sender) = (Arc::clone(&load), senders[call % connections].clone());
            tokio::spawn(async move { load.carry(sender).await })
        })
        .collect();
    let mut all = Seen::default();
    for carrier in carriers {
        let seen = carrier.await??;
        all.latencies_us.extend(seen.latencies_us);
        all.faults += seen.faults;
    }
    Ok(all)
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, calls, seconds, tokens] = arguments.as_slice() else {
        return Err("load ADDRESS CONNECTIONS CALLS SECONDS TOKENS".into());
    };
    let tokens = fs::read_to_string(tokens)?;
    let tokens: Result<Vec<_>, _> = tokens.lines().map(|token| format!("Bearer {token}").parse()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Instant::now();
    let load = Load {
        address: address.clone(),
        tokens: tokens?,
        next: AtomicUsize::new(0),
        until: began + Duration::from_secs_f64(seconds.parse()?),
    };
    if load.tokens.is_empty() {
        return Err("there is nobody to ask for: the file of tokens is empty".into());
    }
    let seen = runtime.block_on(run(Arc::new(load), connections.parse()?, calls.parse()?))?;
    let (elapsed_s, faults, latencies_us) = (began.elapsed().as_secs_f64(), seen.faults, seen.latencies_us);
    println!("{{\"elapsed_s\": {elapsed_s}, \"faults\": {faults}, \"latencies_us\": {latencies_us:?}}}");
    Ok(())
}
