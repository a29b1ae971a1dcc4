//! Everything else: passed on as it came to the server that has all handlers, and its answer passed back.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tonic::body::Body;

use crate::serve::peer::Peer;

/// The other server, over one HTTP/2 connection.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    client: Client<HttpConnector, Body>,
    authority: Authority,
    secret: HeaderValue,
}

impl Proxy {
    pub(super) fn new(authority: Authority, secret: HeaderValue) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http2_only(true)
            // A page of a hundred tweets fits: nobody waits for a window to open.
            .http2_initial_stream_window_size(1 << 20)
            .http2_initial_connection_window_size(1 << 24)
            .http2_max_header_list_size(super::MAX_METADATA_BYTES)
            .build(connector);
        Self { client, authority, secret }
    }

    pub(super) async fn pass(&self, mut request: Request<Body>, peer: &Peer) -> Response<Body> {
        peer.tell(request.headers_mut(), &self.secret);
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.authority.clone()).path_and_query(path).build();
        *request.uri_mut() = uri.unwrap_or_default();
        match self.client.request(request).await {
            Ok(answer) => answer.map(whole),
            // It starts, or it ends: either way somebody asks again.
            Err(_) => super::refusal(tonic::Code::Unavailable, "the service does not answer", None),
        }
    }
}

fn whole(body: Incoming) -> Body {
    Body::new(body)
}

/// A request's body, once more.
pub(super) fn again(bytes: Bytes) -> Body {
    Body::new(http_body_util::Full::new(bytes))
}
