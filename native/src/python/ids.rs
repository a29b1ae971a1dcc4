//! Snowflake ids for Python.

use std::thread;
use std::time::{Duration, Instant};

use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::bytes::pack_ids;
use crate::clock;
use crate::snowflake::{self, Generator, MAX_AHEAD_MS, MAX_BATCH, MintError, Run, WORKERS};

// Longer than any full batch ever has to wait; past it the clock has stepped back for good.
const PATIENCE: Duration = Duration::from_millis(2 * MAX_AHEAD_MS);

create_exception!(aviary._native, ClockBehind, PyRuntimeError, "The clock is too far behind the ids already minted.");
create_exception!(aviary._native, LeaseExpired, PyRuntimeError, "The lease on the worker number has ended.");

impl From<MintError> for PyErr {
    fn from(error: MintError) -> Self {
        let message = error.to_string();
        match error {
            MintError::Ahead(_) => ClockBehind::new_err(message),
            MintError::LeaseExpired => LeaseExpired::new_err(message),
            MintError::OutOfTime | MintError::BatchTooLarge(_) => PyValueError::new_err(message),
        }
    }
}

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct Snowflake(Generator);

#[pymethods]
impl Snowflake {
    #[new]
    fn new(worker: i64) -> PyResult<Self> {
        let generator = u64::try_from(worker).ok().and_then(Generator::new);
        let error = || PyValueError::new_err(format!("worker {worker}; workers are from 0 to {}", WORKERS - 1));
        generator.map(Self).ok_or_else(error)
    }

    fn lease_until(&self, deadline_boottime_ns: u64) {
        self.0.lease_until(deadline_boottime_ns);
    }

    #[pyo3(signature = (now_ms=None))]
    fn next(&self, py: Python<'_>, now_ms: Option<u64>) -> PyResult<u64> {
        Ok(self.mint(py, 1, now_ms)?.ids().next().unwrap_or_default())
    }

    #[pyo3(signature = (n, now_ms=None))]
    fn next_many<'py>(&self, py: Python<'py>, n: i64, now_ms: Option<u64>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.mint(py, length(n)?, now_ms)?.ids())
    }

    #[pyo3(signature = (n, now_ms=None))]
    fn next_packed<'py>(&self, py: Python<'py>, n: i64, now_ms: Option<u64>) -> PyResult<Bound<'py, PyBytes>> {
        pack_ids(py, self.mint(py, length(n)?, now_ms)?.ids())
    }
}

impl Snowflake {
    // The generator's lock is never held while waiting, and the GIL neither.
    fn mint(&self, py: Python<'_>, n: u64, now_ms: Option<u64>) -> PyResult<Run> {
        if let Some(now_ms) = now_ms {
            return Ok(self.0.mint(n, now_ms)?);
        }
        match self.0.mint(n, clock::system_ms()) {
            Err(MintError::Ahead(wait_ms)) => Ok(py.detach(|| self.mint_patiently(n, wait_ms))?),
            minted => Ok(minted?),
        }
    }

    fn mint_patiently(&self, n: u64, mut wait_ms: u64) -> Result<Run, MintError> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let wait = Duration::from_millis(wait_ms);
            if Instant::now() + wait > give_up {
                return Err(MintError::Ahead(wait_ms));
            }
            thread::sleep(wait);
            match self.0.mint(n, clock::system_ms()) {
                Err(MintError::Ahead(left)) => wait_ms = left,
                minted => return minted,
            }
        }
    }
}

fn length(n: i64) -> PyResult<u64> {
    let error = |_| PyValueError::new_err(format!("{n} ids were asked for; a batch holds 0 to {MAX_BATCH}"));
    u64::try_from(n).map_err(error)
}

#[pyfunction]
pub(super) fn boottime_ns() -> u64 {
    clock::boottime_ns()
}

#[pyfunction]
pub(super) fn id_time_ms(id: u64) -> u64 {
    snowflake::time_ms(id)
}

#[pyfunction]
pub(super) fn first_id_at(ms: u64) -> PyResult<u64> {
    Ok(snowflake::first_id_at(ms).ok_or(MintError::OutOfTime)?)
}
