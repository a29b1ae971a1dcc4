//! The front's server for Python, which fills what it misses; the deny list, limits and clock that both share.

use std::collections::HashSet;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use tonic::{Code, Status};

use super::front::{Front, Miss};
use crate::clock::{BusinessClock, system_ms};
use crate::serve::{self, BOUNDS_US, Freshened, Options, Quota, Reply, Rpc, Upkeep};
use crate::{denied, limits};

/// A call that was handed over: its ticket, its route, what came with it, how long its caller waits, its message.
type Taken<'py> = (u64, usize, Bound<'py, PyDict>, Option<f64>, Bound<'py, PyBytes>);

const MOST_WINDOWS: usize = 1_000_000;

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct Clock(pub(super) Arc<BusinessClock>);

#[pymethods]
impl Clock {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn advance(&self, ms: u64) {
        self.0.advance(ms);
    }
}

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct DenyList(Arc<denied::DenyList>);

#[pymethods]
impl DenyList {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    #[pyo3(signature = (subject, *, for_s))]
    fn refuse(&self, subject: u64, for_s: f64) {
        self.0.refuse(subject, for_s, now_s());
    }

    fn __contains__(&self, subject: u64) -> bool {
        self.0.contains(subject, now_s())
    }
}

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct RateLimits(Arc<limits::RateLimits>);

#[pymethods]
impl RateLimits {
    #[new]
    #[pyo3(signature = (*, most_subjects=MOST_WINDOWS))]
    fn new(most_subjects: usize) -> Self {
        Self(Arc::new(limits::RateLimits::new(most_subjects.max(8))))
    }

    fn spend(
        &self,
        name: &str,
        count: usize,
        window_s: f64,
        subject: &str,
        units: usize,
        now_s: f64,
    ) -> (bool, usize, f64, u64) {
        let usage = self.0.spend(limits::Limit { name, count, window_s }, subject, units, now_s);
        (usage.allowed, usage.remaining, usage.reset_s, usage.token)
    }

    fn refund(&self, name: &str, subject: &str, token: u64) {
        self.0.refund(name, subject, token);
    }
}

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct FrontServer(serve::Server);

#[pymethods]
impl FrontServer {
    #[new]
    #[pyo3(signature = (
        front, *, denied, limits, limit, clock, deadline_ms, is_shared, traces, max_streams, internal, threads, secret,
        readers, handshake_ms, upkeep_ms
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords on the Python side")]
    fn new(
        front: &Bound<'_, Front>,
        denied: &Bound<'_, DenyList>,
        limits: Option<&Bound<'_, RateLimits>>,
        limit: Option<(String, usize, f64)>,
        clock: &Bound<'_, Clock>,
        deadline_ms: u64,
        is_shared: bool,
        traces: bool,
        max_streams: u32,
        internal: Vec<u8>,
        threads: usize,
        secret: &str,
        readers: HashSet<String>,
        handshake_ms: u64,
        upkeep_ms: Option<(u64, u64)>,
    ) -> PyResult<Self> {
        let windows = limits.map(|limits| Arc::clone(&limits.get().0));
        let quota = |(name, count, window_s)| Quota { windows, name, count, window_s };
        let mut secret = HeaderValue::from_str(secret).map_err(|error| PyValueError::new_err(error.to_string()))?;
        secret.set_sensitive(true);
        let upkeep = |(age, ping)| Upkeep { age: Duration::from_millis(age), ping: Duration::from_millis(ping) };
        let options = Options {
            front: Arc::clone(&front.get().0),
            denied: Arc::clone(&denied.get().0),
            limit: limit.map(quota),
            clock: Arc::clone(&clock.get().0),
            deadline: Duration::from_millis(deadline_ms),
            is_shared,
            traces,
            max_streams,
            internal,
            threads: threads.max(1),
            secret,
            readers,
            handshake: Duration::from_millis(handshake_ms),
            upkeep: upkeep_ms.map(upkeep),
        };
        Ok(Self(serve::Server::new(options)?))
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is extracted from Python is owned")]
    fn trust(&self, pairs: Vec<(Vec<u8>, Vec<u8>)>, authorities: &[u8]) -> PyResult<()> {
        self.0.trust(&pairs, authorities).map_err(PyValueError::new_err)
    }

    fn refused(&self) -> u64 {
        self.0.refused()
    }

    fn start(&self, py: Python<'_>, host: &str, port: u16, upstream_port: u16) -> PyResult<u16> {
        let upstream = SocketAddr::from(([127, 0, 0, 1], upstream_port));
        let bound = py.detach(|| {
            let mut addresses = (host, port).to_socket_addrs()?;
            let address = addresses.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
            self.0.start(address, upstream)
        });
        Ok(bound.map_err(|error| PyOSError::new_err((error.raw_os_error().unwrap_or(0), error.to_string())))?.port())
    }

    fn stop(&self, py: Python<'_>, grace_s: f64) {
        let grace = Duration::try_from_secs_f64(grace_s).unwrap_or_default();
        py.detach(|| self.0.stop(grace));
    }

    fn bell(&self) -> i32 {
        self.0.bell()
    }

    fn take_misses(&self, py: Python<'_>) -> PyResult<Vec<(u64, u64, Miss)>> {
        let taken = self.0.take_misses();
        taken.iter().map(|(ticket, missed)| Ok((*ticket, missed.viewer, Miss::new(py, &missed.miss)?))).collect()
    }

    fn take_stale(&self) -> Vec<(u64, u64, bool)> {
        self.0.take_stale().iter().map(|(ticket, stale)| (*ticket, stale.viewer, stale.home)).collect()
    }

    #[pyo3(signature = (ticket, usage, *, is_fresh))]
    fn freshened(&self, ticket: u64, usage: Option<(usize, f64, u64)>, is_fresh: bool) {
        let usage = usage.map(|(remaining, reset_s, token)| limits::Usage { allowed: true, remaining, reset_s, token });
        self.0.freshened(ticket, if is_fresh { Freshened::Yes(usage) } else { Freshened::No });
    }

    fn take_refunds(&self) -> Vec<(u64, u64)> {
        self.0.take_refunds().iter().map(|refund| (refund.viewer, refund.token)).collect()
    }

    fn filled(&self, ticket: u64, is_put: bool) {
        self.0.filled(ticket, is_put);
    }

    fn open_desk(&self, paths: Vec<String>) {
        self.0.open_desk(paths);
    }

    fn take_calls<'py>(&self, py: Python<'py>) -> PyResult<(Vec<Taken<'py>>, Vec<u64>)> {
        let (handed, gone) = self.0.take_calls();
        let mut taken = Vec::with_capacity(handed.len());
        for call in handed {
            let metadata = PyDict::new(py);
            for (name, value) in call.metadata {
                metadata.set_item(name, value)?;
            }
            let timeout_s = call.timeout.map(|timeout| timeout.as_secs_f64());
            taken.push((call.ticket, call.route, metadata, timeout_s, PyBytes::new(py, &call.message)));
        }
        Ok((taken, gone))
    }

    fn answer(&self, ticket: u64, headers: Vec<(String, String)>, message: &[u8]) {
        self.0.reply(ticket, Reply { headers, answer: Ok(Bytes::copy_from_slice(message)) });
    }

    fn refuse(&self, ticket: u64, headers: Vec<(String, String)>, code: i32, message: &str, details: &[u8]) {
        let status = Status::with_details(Code::from_i32(code), message, Bytes::copy_from_slice(details));
        self.0.reply(ticket, Reply { headers, answer: Err(status) });
    }

    fn know_token(&self, token: &str, user: u64, session: u64, expires_s: f64) {
        self.0.know_token(token, user, session, expires_s, now_s());
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let calls = PyDict::new(py);
        for (rpc, stats) in Rpc::ALL.iter().zip(self.0.stats()) {
            let call = PyDict::new(py);
            for (name, count) in ["held", "filled", "passed_on", "panicked"].iter().zip(stats.outcomes()) {
                call.set_item(name, count)?;
            }
            let (buckets, total_us) = stats.latencies();
            call.set_item("buckets", buckets.to_vec())?;
            call.set_item("bounds_us", BOUNDS_US.to_vec())?;
            call.set_item("total_us", total_us)?;
            calls.set_item(rpc.name(), call)?;
        }
        Ok(calls)
    }
}

fn now_s() -> f64 {
    Duration::from_millis(system_ms()).as_secs_f64()
}
