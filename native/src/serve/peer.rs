//! Who is at the other end of a connection, and how the handlers, who see only the front's own, are told.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Request};
use tonic::body::Body;

// Proves that it is the front who says the rest.
const SECRET: HeaderName = HeaderName::from_static("x-aviary-front");
// The URI in the certificate of whoever calls; nothing when there is no one such.
const CALLER: HeaderName = HeaderName::from_static("x-aviary-caller");
// Where the connection comes from, whatever its calls say.
const PEER: HeaderName = HeaderName::from_static("x-aviary-peer");

/// Whom a certificate names.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) address: Option<SocketAddr>,
    /// Empty for nobody of ours.
    pub(super) uri: HeaderValue,
    pub(super) may_read: bool,
}

/// The other end of a call's connection.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    /// Without TLS: where it is.
    Anybody(Option<SocketAddr>),
    /// With mutual TLS.
    Named(Arc<Named>),
}

impl Peer {
    pub(super) fn of(request: &Request<Body>) -> Self {
        request.extensions().get().cloned().unwrap_or(Self::Anybody(None))
    }

    /// Whether the handlers would let it make hot reads, for whomever its token names.
    pub(super) fn may_read(&self) -> bool {
        match self {
            // From nowhere means that it is gone, or that nobody looked who it is.
            Self::Anybody(address) => address.is_some(),
            Self::Named(named) => named.may_read,
        }
    }

    /// Says who calls, in place of whatever the caller wrote under these names.
    pub(super) fn tell(&self, headers: &mut HeaderMap, secret: &HeaderValue) {
        headers.insert(SECRET, secret.clone());
        let (address, uri) = match self {
            Self::Anybody(address) => (*address, None),
            Self::Named(named) => (named.address, Some(named.uri.clone())),
        };
        put(headers, CALLER, uri);
        put(headers, PEER, address.and_then(|address| address.ip().to_string().try_into().ok()));
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => headers.insert(name, value),
        None => headers.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(peer: &Peer) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in [SECRET, CALLER, PEER] {
            for forged in ["spiffe://aviary/gateway", "1"] {
                headers.append(name.clone(), HeaderValue::from_static(forged));
            }
        }
        peer.tell(&mut headers, &HeaderValue::from_static("s"));
        headers
    }

    fn all(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn what_a_caller_says_of_itself_is_replaced_or_taken_away() {
        let headers = told(&Peer::Anybody(Some(([10, 0, 0, 1], 9).into())));
        assert_eq!((all(&headers, SECRET), all(&headers, PEER)), (vec!["s"], vec!["10.0.0.1"]));
        assert!(all(&headers, CALLER).is_empty());

        let named = Named { address: None, uri: HeaderValue::from_static(""), may_read: false };
        let headers = told(&Peer::Named(Arc::new(named)));
        assert_eq!((all(&headers, SECRET), all(&headers, CALLER)), (vec!["s"], vec![""]));
        assert!(all(&headers, PEER).is_empty());
    }
}
