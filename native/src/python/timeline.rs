//! The store of warm timelines for Python.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::bytes::{ids, pack_ids, rows};
use crate::row::{MAX_ID, Row, encode};
use crate::timeline::{self, Append, Limits, Merged, Packed, Page, Slot, State, Stretch};

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct Sources(timeline::Sources);

#[pymethods]
impl Sources {
    #[new]
    fn new(py: Python<'_>, ids: &[u8]) -> PyResult<Self> {
        let ids = self::ids(ids)?;
        Ok(Self(py.detach(|| timeline::Sources::new(ids))))
    }

    fn __len__(&self) -> usize {
        self.0.ids().len()
    }

    fn __contains__(&self, id: u64) -> bool {
        self.0.contains(id)
    }

    fn screen<'py>(&self, py: Python<'py>, rows: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut rows = self::rows(rows)?;
        let kept = py.detach(|| {
            self.0.screen(&mut rows);
            encode(&rows)
        });
        Ok(PyBytes::new(py, &kept))
    }

    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        pack_ids(py, self.0.ids().iter().copied())
    }
}

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct TimelineStore(pub(super) Arc<timeline::TimelineStore>);

#[pymethods]
impl TimelineStore {
    #[new]
    #[pyo3(signature = (*, capacity=800, idle_ttl_ms=86_400_000, max_bytes=268_435_456))]
    fn new(capacity: usize, idle_ttl_ms: u64, max_bytes: usize) -> PyResult<Self> {
        if capacity == 0 {
            return Err(PyValueError::new_err("capacity 0; a list keeps at least 1 entry"));
        }
        Ok(Self(Arc::new(timeline::TimelineStore::new(Limits { capacity, idle_ttl_ms, max_bytes }))))
    }

    #[pyo3(signature = (owners, rows, *, now_ms, read_within_ms=None))]
    fn append(
        &self,
        py: Python<'_>,
        owners: &[u8],
        rows: &[u8],
        now_ms: u64,
        read_within_ms: Option<u64>,
    ) -> PyResult<usize> {
        let (owners, rows) = (ids(owners)?, self::rows(rows)?);
        let read_within_ms = read_within_ms.unwrap_or(u64::MAX);
        let append = Append { owners: &owners, rows: &rows, read_within_ms };
        Ok(py.detach(|| self.0.append(&append, now_ms)))
    }

    #[pyo3(signature = (appends, *, now_ms))]
    #[expect(clippy::needless_pass_by_value, reason = "a list of borrowed bytes has no other form")]
    fn append_each(
        &self,
        py: Python<'_>,
        appends: Vec<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)>,
        now_ms: u64,
    ) -> PyResult<usize> {
        let appends = appends.iter().map(|(owners, rows)| Ok((ids(owners.as_bytes())?, self::rows(rows.as_bytes())?)));
        let appends: Vec<_> = appends.collect::<PyResult<_>>()?;
        let append = |(owners, rows): &(Vec<u64>, Vec<Row>)| {
            self.0.append(&Append { owners, rows, read_within_ms: u64::MAX }, now_ms)
        };
        Ok(py.detach(|| appends.iter().map(append).sum()))
    }

    #[pyo3(signature = (owner, *, version, now_ms, upper=MAX_ID))]
    fn begin(&self, py: Python<'_>, owner: u64, version: i64, now_ms: u64, upper: u64) -> u64 {
        py.detach(|| self.0.begin(Slot { owner, upper }, version, now_ms))
    }

    #[pyo3(signature = (owner, token, rows, *, floor, now_ms, upper=MAX_ID))]
    #[expect(clippy::too_many_arguments, reason = "keywords on the Python side")]
    fn finish(
        &self,
        py: Python<'_>,
        owner: u64,
        token: u64,
        rows: &[u8],
        floor: u64,
        now_ms: u64,
        upper: u64,
    ) -> PyResult<bool> {
        let rows = self::rows(rows)?;
        Ok(py.detach(|| self.0.finish(Slot { owner, upper }, token, rows, floor, now_ms)))
    }

    #[pyo3(signature = (owner, token, upper=MAX_ID))]
    fn abort(&self, py: Python<'_>, owner: u64, token: u64, upper: u64) {
        py.detach(|| self.0.abort(Slot { owner, upper }, token));
    }

    #[pyo3(signature = (owner, *, version, now_ms, upper=MAX_ID))]
    fn state(&self, py: Python<'_>, owner: u64, version: i64, now_ms: u64, upper: u64) -> &'static str {
        match py.detach(|| self.0.state(Slot { owner, upper }, version, now_ms)) {
            State::Absent => "absent",
            State::Building => "building",
            State::Ready => "ready",
        }
    }

    #[pyo3(signature = (owner, *, version, sources, below, above, limit, extra, now_ms, upper=MAX_ID))]
    #[expect(clippy::too_many_arguments, reason = "keywords on the Python side")]
    fn page<'py>(
        &self,
        py: Python<'py>,
        owner: u64,
        version: i64,
        sources: &Bound<'py, Sources>,
        below: u64,
        above: u64,
        limit: usize,
        extra: &[u8],
        now_ms: u64,
        upper: u64,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, u64)>> {
        let (extra, sources) = (rows(extra)?, &sources.get().0);
        let merged = py.detach(|| {
            let beside = &[Stretch { rows: &Packed::from_rows(extra), floor: 0 }];
            let page = Page { version, sources, beside, below, above, limit };
            self.0.page(Slot { owner, upper }, &page, now_ms)
        });
        Ok(merged.map(|merged| answer(py, &merged)))
    }

    #[pyo3(signature = (owners, *, below, above, limit, now_ms))]
    fn merge<'py>(
        &self,
        py: Python<'py>,
        owners: &[u8],
        below: u64,
        above: u64,
        limit: usize,
        now_ms: u64,
    ) -> PyResult<(Bound<'py, PyBytes>, u64)> {
        let owners = ids(owners)?;
        Ok(answer(py, &py.detach(|| self.0.merge(&owners, above, below, limit, now_ms))))
    }

    fn forget(&self, py: Python<'_>, owners: &[u8]) -> PyResult<usize> {
        let owners = ids(owners)?;
        Ok(py.detach(|| self.0.forget(&owners)))
    }

    fn clear(&self, py: Python<'_>) {
        py.detach(|| self.0.clear());
    }

    fn drop_range(&self, py: Python<'_>, owner: u64, low: u64, high: u64) {
        py.detach(|| self.0.drop_range(owner, low, high));
    }

    fn forget_idle(&self, py: Python<'_>, now_ms: u64) -> usize {
        py.detach(|| self.0.forget_idle(now_ms))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = py.detach(|| self.0.stats());
        let dict = PyDict::new(py);
        dict.set_item("lists", stats.lists)?;
        dict.set_item("entries", stats.entries)?;
        dict.set_item("bytes", stats.bytes)?;
        Ok(dict)
    }
}

#[pyfunction]
#[pyo3(signature = (parts, *, below, above, limit))]
#[expect(clippy::needless_pass_by_value, reason = "a list of borrowed bytes has no other form")]
pub(super) fn merge_rows<'py>(
    py: Python<'py>,
    parts: Vec<Bound<'py, PyBytes>>,
    below: u64,
    above: u64,
    limit: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut all: Vec<Row> = Vec::new();
    for part in &parts {
        all.extend(rows(part.as_bytes())?);
    }
    let merged = py.detach(|| encode(&timeline::merge_rows(all, above, below, limit)));
    Ok(PyBytes::new(py, &merged))
}

fn answer<'py>(py: Python<'py>, merged: &Merged) -> (Bound<'py, PyBytes>, u64) {
    (PyBytes::new(py, &encode(&merged.rows)), merged.reach)
}
