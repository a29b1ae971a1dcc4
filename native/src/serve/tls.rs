//! Mutual TLS: what this process shows, whose certificates it takes, and whom a connection's certificate names.

use std::collections::HashSet;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig, WebPkiClientVerifier,
};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConnection};
use tokio_rustls::server::TlsStream;
use tonic::codegen::tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpIncoming};
use webpki::EndEntityCert;

use crate::serve::cork::Corked;
use crate::serve::peer::{Named, Peer};

const HTTP2: &[u8] = b"h2";
// After a connection that could not be taken: most likely no descriptor is left, and the next would fail at once.
const REST: Duration = Duration::from_millis(20);

/// How connections are let in.
#[derive(Debug)]
pub(super) struct Trust {
    // None while no authority is in force: then nobody is.
    config: RwLock<Option<Arc<ServerConfig>>>,
    readers: HashSet<String>,
    patience: Duration,
    refused: AtomicU64,
}

impl Trust {
    /// Trusts nobody yet. `readers` are the URIs of those who may make hot reads.
    pub(super) fn new(readers: HashSet<String>, patience: Duration) -> Self {
        Self { config: RwLock::default(), readers, patience, refused: AtomicU64::new(0) }
    }

    /// From now on shows these pairs of key and chain, and takes whom these authorities signed for; all in PEM.
    pub(super) fn replace(&self, pairs: &[(Vec<u8>, Vec<u8>)], authorities: &[u8]) -> Result<(), String> {
        let config = config(pairs, authorities)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Connections that ended before it was known whose they are.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn config(&self) -> Option<Arc<ServerConfig>> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn greet(self: Arc<Self>, tcp: TcpStream) -> Option<Connection> {
        let acceptor = TlsAcceptor::from(self.config()?);
        let stream = timeout(self.patience, acceptor.accept(tcp)).await.ok()?.ok()?;
        let (tcp, session) = stream.get_ref();
        // Who names no protocol would be served all the same.
        if session.alpn_protocol() != Some(HTTP2) {
            return None;
        }
        let uri = uri_of(session).unwrap_or_default();
        let named = Named {
            address: tcp.peer_addr().ok(),
            may_read: self.readers.contains(uri),
            uri: HeaderValue::from_str(uri).ok()?,
        };
        Some(Connection::Secured(Box::new(stream), Arc::new(named)))
    }
}

/// The one URI of the certificate that the other side showed.
fn uri_of(session: &ServerConnection) -> Option<&str> {
    let certificate = EndEntityCert::try_from(session.peer_certificates()?.first()?).ok()?;
    let mut uris = certificate.valid_uri_names();
    let uri = uris.next()?;
    // It becomes a header, which would lose what isn't seen.
    (uris.next().is_none() && uri.bytes().all(|byte| byte.is_ascii_graphic())).then_some(uri)
}

fn config(pairs: &[(Vec<u8>, Vec<u8>)], authorities: &[u8]) -> Result<Option<Arc<ServerConfig>>, String> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in certificates(authorities)? {
        roots.add(authority).map_err(|error| format!("an authority is not usable: {error}"))?;
    }
    let shown = pairs.iter().map(|(key, chain)| shown(key, chain, &provider)).collect::<Result<Vec<_>, _>>()?;
    if roots.is_empty() {
        return Ok(None);
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| error.to_string())?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(ByName(shown)));
    config.alpn_protocols = vec![HTTP2.to_vec()];
    // Whoever resumed a session would not be looked at again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Some(Arc::new(config)))
}

fn shown(key: &[u8], chain: &[u8], provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, String> {
    let chain = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("a key is not usable: {error}"))?;
    let shown =
        CertifiedKey::from_der(chain, key, provider).map_err(|error| format!("a key is not usable: {error}"))?;
    Ok(Arc::new(shown))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("a certificate is not usable: {error}"))
}

/// The certificate for the name that a client asks for, else the first.
#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let named = asked.and_then(|name| self.0.iter().find(|shown| is_of(shown, &name)));
        named.or(self.0.first()).map(Arc::clone)
    }
}

fn is_of(shown: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = shown.cert.first().and_then(|first| EndEntityCert::try_from(first).ok());
    parsed.is_some_and(|certificate| certificate.verify_is_valid_for_subject_name(name).is_ok())
}

/// Takes connections and gives them on, with a trust those on which both sides have shown who they are; nobody waits
/// for another one.
#[derive(Debug)]
pub(super) struct Doorway {
    incoming: TcpIncoming,
    trust: Option<Arc<Trust>>,
    greeting: JoinSet<Option<Connection>>,
    rest: Option<Pin<Box<Sleep>>>,
}

impl Doorway {
    pub(super) fn new(incoming: TcpIncoming, trust: Option<Arc<Trust>>) -> Self {
        Self { incoming, trust, greeting: JoinSet::new(), rest: None }
    }

    /// Takes all who connect: the next whom nobody asks who they are.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Connection> {
        loop {
            if let Some(rest) = &mut self.rest {
                ready!(rest.as_mut().poll(cx));
                self.rest = None;
            }
            match (ready!(Pin::new(&mut self.incoming).poll_next(cx)), &self.trust) {
                (Some(Ok(tcp)), Some(trust)) => drop(self.greeting.spawn(Arc::clone(trust).greet(tcp))),
                (Some(Ok(tcp)), None) => return Poll::Ready(Connection::Open(tcp)),
                _ => self.rest = Some(Box::pin(sleep(REST))),
            }
        }
    }

    /// The next who was greeted; pending while there is nobody, for whoever connects wakes it.
    fn poll_greeted(&mut self, cx: &mut Context<'_>) -> Poll<Connection> {
        while let Some(greeted) = ready!(self.greeting.poll_join_next(cx)) {
            if let Ok(Some(connection)) = greeted {
                return Poll::Ready(connection);
            }
            if let Some(trust) = &self.trust {
                trust.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        Poll::Pending
    }
}

impl Stream for Doorway {
    type Item = io::Result<Corked<Connection>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let taken = match self.poll_open(cx) {
            Poll::Ready(open) => open,
            Poll::Pending => ready!(self.poll_greeted(cx)),
        };
        Poll::Ready(Some(Ok(Corked::new(taken))))
    }
}

/// Of one type with and without TLS, so that what serves it is compiled once and stays small.
#[derive(Debug)]
pub(super) enum Connection {
    Open(TcpStream),
    Secured(Box<TlsStream<TcpStream>>, Arc<Named>),
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        match self {
            Self::Open(tcp) => Peer::Anybody(tcp.peer_addr().ok()),
            Self::Secured(_, named) => Peer::Named(Arc::clone(named)),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Open(tcp) => Pin::new(tcp).poll_read(cx, into),
            Self::Secured(tls, _) => Pin::new(tls).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Open(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Secured(tls, _) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Open(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Self::Secured(tls, _) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Open(tcp) => tcp.is_write_vectored(),
            Self::Secured(tls, _) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Open(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Secured(tls, _) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Open(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Secured(tls, _) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
