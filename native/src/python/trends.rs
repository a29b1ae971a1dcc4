//! Trend counts for Python.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PySequence;

use crate::trends::{self, MAX_DEPTH, Shape};

// Counters of one bucket, 256 MB: a slip in a setting must not take the machine's memory.
const MAX_COUNTERS: usize = 1 << 26;

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct TrendSketch(Mutex<trends::TrendSketch>);

#[pymethods]
impl TrendSketch {
    #[new]
    #[pyo3(signature = (*, width=65_536, depth=4, bucket_s=300, buckets=24, top=200))]
    fn new(width: usize, depth: usize, bucket_s: u64, buckets: usize, top: usize) -> PyResult<Self> {
        let shape = Shape { width, depth, bucket_s, buckets, top };
        check(shape)?;
        Ok(Self(Mutex::new(trends::TrendSketch::new(shape))))
    }

    #[pyo3(signature = (keys, *, now_s, counts=None))]
    fn add_many(
        &self,
        py: Python<'_>,
        keys: &Bound<'_, PySequence>,
        now_s: u64,
        counts: Option<Vec<u32>>,
    ) -> PyResult<bool> {
        // A tuple holds all keys by itself, so that each can be borrowed: counting one costs less than a reference.
        let keys = keys.to_tuple()?;
        let keys: Vec<&str> = keys.iter_borrowed().map(<&str>::extract).collect::<PyResult<_>>()?;
        if let Some(counts) = &counts
            && counts.len() != keys.len()
        {
            let message = format!("{} counts for {} keys", counts.len(), keys.len());
            return Err(PyValueError::new_err(message));
        }
        let counts = counts.unwrap_or_default();
        Ok(py.detach(|| self.lock().add(&keys, &counts, now_s)))
    }

    #[pyo3(signature = (keys, *, now_s, window_s))]
    #[expect(clippy::needless_pass_by_value, reason = "what is extracted from Python is owned")]
    fn estimate(&self, py: Python<'_>, keys: Vec<PyBackedStr>, now_s: u64, window_s: u64) -> Vec<u64> {
        py.detach(|| {
            let sketch = self.lock();
            keys.iter().map(|key| sketch.estimate(key, now_s, window_s)).collect()
        })
    }

    #[pyo3(signature = (k, *, now_s, window_s))]
    fn top(&self, py: Python<'_>, k: usize, now_s: u64, window_s: u64) -> Vec<(String, u64)> {
        py.detach(|| self.lock().top(k, now_s, window_s))
    }

    fn merge(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        let other = other.get();
        // A copy, so that never two locks are held: two sketches may be merged into each other at once.
        let (merged, shape) = py.detach(|| {
            let other = other.lock().clone();
            (self.lock().merge(&other), other.shape())
        });
        let differs = || PyValueError::new_err(format!("{shape:?} cannot be merged into {:?}", self.lock().shape()));
        merged.then_some(()).ok_or_else(differs)
    }
}

impl TrendSketch {
    fn lock(&self) -> MutexGuard<'_, trends::TrendSketch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(shape: Shape) -> PyResult<()> {
    let Shape { width, depth, bucket_s, buckets, top } = shape;
    let counters = width.checked_mul(depth).filter(|&counters| counters <= MAX_COUNTERS);
    let holds = width.is_power_of_two() && (1..=MAX_DEPTH).contains(&depth) && counters.is_some();
    if !holds || bucket_s == 0 || buckets == 0 || top == 0 {
        let message = format!(
            "{shape:?}: width is a power of two, depth from 1 to {MAX_DEPTH}, their product at most {MAX_COUNTERS}, the rest above 0"
        );
        return Err(PyValueError::new_err(message));
    }
    Ok(())
}
