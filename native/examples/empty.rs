//! A server that has nothing to do: every home is the same page. What is slower than this, the product is to blame for.
//!
//! `empty PORT THREADS MESSAGE JSON`: answers homes from two files, a page as a message and as JSON, until it is ended.
//! The server's settings are those of the front.

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll};

use aviary_native::wire::{put_bytes, put_number};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

type Failure = Box<dyn Error + Send + Sync>;

const MAX_STREAMS: u32 = 1_024;

/// The answers, framed as gRPC frames them.
#[derive(Clone)]
struct Empty {
    message: Bytes,
    json: Bytes,
    healthy: Bytes,
}

impl Empty {
    fn of(message: &[u8], json: &[u8]) -> Self {
        let (mut body, mut healthy) = (Vec::new(), Vec::new());
        put_bytes(&mut body, 1, b"application/json");
        put_bytes(&mut body, 2, json);
        // grpc.health.v1: SERVING.
        put_number(&mut healthy, 1, 1);
        Self { message: framed(message), json: framed(&body), healthy: framed(&healthy) }
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

impl Service<Request<Body>> for Empty {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.answer(request.uri().path());
        Box::pin(async move {
            // A handler has read what it is asked before it answers.
            let _ = request.into_body().collect().await;
            Ok(answer.map_or_else(unknown, success))
        })
    }
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("a page is far below 4 GiB");
    [&[0], &length.to_be_bytes()[..], message].concat().into()
}

fn success(frame: Bytes) -> Response<Body> {
    let trailers =
        async { Some(Ok(HeaderMap::from_iter([("grpc-status".parse().ok()?, HeaderValue::from_static("0"))]))) };
    typed(Response::new(Body::new(Full::new(frame).with_trailers(trailers))))
}

fn unknown() -> Response<Body> {
    let mut answer = typed(Response::new(Body::empty()));
    answer.headers_mut().insert("grpc-status", HeaderValue::from(tonic::Code::Unimplemented as i32));
    answer
}

fn typed(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    answer
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, threads, message, json] = arguments.as_slice() else {
        return Err("empty PORT THREADS MESSAGE JSON".into());
    };
    let empty = Empty::of(&fs::read(message)?, &fs::read(json)?);
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
