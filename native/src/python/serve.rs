//! The front's server for Python, which fills what it misses; the deny list, limits and clock that both share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::front::{Front, Miss};
use crate::clock::{BusinessClock, system_ms};
use crate::serve::{self, BOUNDS_US, Options, Quota, Rpc};
use crate::{denied, limits};

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
        front, *, denied, limits, limit, clock, deadline_ms, traces, max_streams, internal, threads
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords on the Python side")]
    fn new(
        front: &Bound<'_, Front>,
        denied: &Bound<'_, DenyList>,
        limits: &Bound<'_, RateLimits>,
        limit: Option<(String, usize, f64)>,
        clock: &Bound<'_, Clock>,
        deadline_ms: u64,
        traces: bool,
        max_streams: u32,
        internal: Vec<u8>,
        threads: usize,
    ) -> PyResult<Self> {
        let windows = &limits.get().0;
        let quota = |(name, count, window_s)| Quota { windows: Arc::clone(windows), name, count, window_s };
        let options = Options {
            front: Arc::clone(&front.get().0),
            denied: Arc::clone(&denied.get().0),
            limit: limit.map(quota),
            clock: Arc::clone(&clock.get().0),
            deadline: Duration::from_millis(deadline_ms),
            traces,
            max_streams,
            internal,
            threads: threads.max(1),
        };
        Ok(Self(serve::Server::new(options)?))
    }

    fn start(&self, py: Python<'_>, host: &str, port: u16, upstream_port: u16) -> PyResult<u16> {
        let host: IpAddr = host.parse().map_err(|_| PyValueError::new_err(format!("{host} is no address")))?;
        let upstream = SocketAddr::from(([127, 0, 0, 1], upstream_port));
        let bound = py.detach(|| self.0.start(SocketAddr::new(host, port), upstream));
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
        taken.iter().map(|(ticket, viewer, miss)| Ok((*ticket, *viewer, Miss::new(py, miss)?))).collect()
    }

    fn filled(&self, ticket: u64, is_put: bool) {
        self.0.filled(ticket, is_put);
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
