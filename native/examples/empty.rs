//! A server that has nothing to do: every home is the same page. What is slower than this, the product is to blame for.
//!
//! `empty PORT THREADS MESSAGE JSON`: answers homes from two files, a page as a message and as JSON, until it is ended.
//! The server's settings are those of the front; the handler is one of tonic's, which checks, deframes and frames.

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::future::{Future, Ready, ready};
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll};

use aviary_native::wire::{put_bytes, put_number};
use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

type Failure = Box<dyn Error + Send + Sync>;

const MAX_STREAMS: u32 = 1_024;

/// The answers.
#[derive(Clone)]
struct Empty {
    message: Bytes,
    json: Bytes,
    healthy: Bytes,
}

impl Empty {
    fn of(message: Vec<u8>, json: &[u8]) -> Self {
        let (mut body, mut healthy) = (Vec::new(), Vec::new());
        put_bytes(&mut body, 1, b"application/json");
        put_bytes(&mut body, 2, json);
        // grpc.health.v1: SERVING.
        put_number(&mut healthy, 1, 1);
        Self { message: message.into(), json: body.into(), healthy: healthy.into() }
    }

    fn answer(&self, path: &str) -> Option<Bytes> {
        match path {
            "/aviary.api.timelines.v1.TimelineService/GetHomeTimeline" => Some(self.message.clone()),
            "/aviary.api.timelines.v1.TimelineServiceJson/GetHomeTimeline" => Some(self.json.clone()),
            "/grpc.health.v1.Health/Check" => Some(self.healthy.clone()),
            _ => None,
        }
    }
}

impl Service<http::Request<Body>> for Empty {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let always = Always(self.answer(request.uri().path()));
        Box::pin(async move { Ok(Grpc::new(AsItIs).unary(always, request).await) })
    }
}

/// Answers the same whatever it is asked.
struct Always(Option<Bytes>);

impl UnaryService<Bytes> for Always {
    type Response = Bytes;
    type Future = Ready<Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, _: tonic::Request<Bytes>) -> Self::Future {
        ready(self.0.take().map(tonic::Response::new).ok_or_else(|| Status::unimplemented("only homes")))
    }
}

/// Messages that are bytes already.
#[derive(Clone, Copy)]
struct AsItIs;

impl Codec for AsItIs {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for AsItIs {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for AsItIs {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, sent: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(sent.copy_to_bytes(sent.remaining())))
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, threads, message, json] = arguments.as_slice() else {
        return Err("empty PORT THREADS MESSAGE JSON".into());
    };
    let empty = Empty::of(fs::read(message)?, &fs::read(json)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads.parse()?).enable_all().build()?;
    runtime.block_on(runtime.spawn(serve(port.parse()?, empty)))?
}

async fn serve(port: u16, empty: Empty) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
    let server = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(1 << 24);
    Ok(server.serve_with_incoming(empty, incoming).await?)
}
