//! The front for Python, which fills it.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::bytes::{ids, pack_ids, rows};
use super::serve::Clock;
use super::timeline::TimelineStore;
use crate::front::{self, Ask, Format, HomeFill, Room};
use crate::row::MAX_ID;
use crate::wire::Malformed;

#[pyclass(frozen, get_all, module = "aviary._native")]
pub(super) struct Miss {
    home: bool,
    choices: bool,
    authors: Py<PyBytes>,
    tweets: Py<PyBytes>,
    originals: Py<PyBytes>,
    is_declined: bool,
}

impl Miss {
    pub(super) fn new(py: Python<'_>, miss: &front::Miss) -> PyResult<Self> {
        let packed = |ids: &[u64]| pack_ids(py, ids.iter().copied()).map(Bound::unbind);
        Ok(Self {
            home: miss.home,
            choices: miss.choices,
            authors: packed(&miss.authors)?,
            tweets: packed(&miss.tweets)?,
            originals: packed(&miss.originals)?,
            is_declined: miss.is_declined,
        })
    }
}

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct Front(pub(super) Arc<front::Front>);

#[pymethods]
impl Front {
    #[new]
    #[pyo3(signature = (
        lists, *, clock, descriptors, cursor_key, is_shared=false, max_bytes=536_870_912, author_rows=200
    ))]
    fn new(
        lists: &Bound<'_, TimelineStore>,
        clock: &Bound<'_, Clock>,
        descriptors: &[u8],
        cursor_key: &[u8],
        is_shared: bool,
        max_bytes: usize,
        author_rows: usize,
    ) -> PyResult<Self> {
        let room = Room {
            tweets: max_bytes / 2,
            people: max_bytes / 8,
            viewers: max_bytes / 4,
            authors: max_bytes / 8,
            author_rows,
        };
        let (lists, clock) = (Arc::clone(&lists.get().0), Arc::clone(&clock.get().0));
        let made = front::Front::new(lists, clock, room, descriptors, cursor_key, is_shared);
        let made = made.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let made = made.ok_or_else(|| PyValueError::new_err("a cursor key has up to 64 bytes"))?;
        Ok(Self(Arc::new(made)))
    }

    fn now(&self) -> u64 {
        self.0.now()
    }

    fn put(&self, py: Python<'_>, viewer: u64, asked: &[u8], fragments: &[u8], then: u64) -> PyResult<()> {
        let asked = ids(asked)?;
        py.detach(|| self.0.put(viewer, &asked, fragments, then)).map_err(malformed)
    }

    #[pyo3(signature = (viewer, sources, *, follow_version, pulled, valid_until_ms, then))]
    #[expect(clippy::too_many_arguments, reason = "keywords on the Python side")]
    fn put_home(
        &self,
        py: Python<'_>,
        viewer: u64,
        sources: &[u8],
        follow_version: i64,
        pulled: &[u8],
        valid_until_ms: u64,
        then: u64,
    ) -> PyResult<()> {
        let fill = HomeFill { sources: ids(sources)?, follow_version, pulled: ids(pulled)?, valid_until_ms };
        py.detach(|| self.0.put_home(viewer, fill, then));
        Ok(())
    }

    fn put_earliest(&self, py: Python<'_>, viewer: u64, originals: &[u8], retweets: &[u8], then: u64) -> PyResult<()> {
        let (originals, retweets) = (ids(originals)?, ids(retweets)?);
        py.detach(|| self.0.put_earliest(viewer, &originals, &retweets, then));
        Ok(())
    }

    fn begin_author(&self, author: u64, now_ms: u64) -> u64 {
        self.0.begin_author(author, now_ms)
    }

    #[pyo3(signature = (author, token, rows, *, floor, now_ms))]
    fn finish_author(
        &self,
        py: Python<'_>,
        author: u64,
        token: u64,
        rows: &[u8],
        floor: u64,
        now_ms: u64,
    ) -> PyResult<bool> {
        let rows = self::rows(rows)?;
        Ok(py.detach(|| self.0.finish_author(author, token, rows, floor, now_ms)))
    }

    fn abort_author(&self, author: u64, token: u64) {
        self.0.abort_author(author, token);
    }

    #[expect(clippy::needless_pass_by_value, reason = "a list of borrowed bytes has no other form")]
    fn apply(
        &self,
        py: Python<'_>,
        events: Vec<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)>,
        now_ms: u64,
    ) -> PyResult<()> {
        let events: Vec<_> = events.iter().map(|(event, made)| (event.as_bytes(), made.as_bytes())).collect();
        let applied = py.detach(|| events.iter().try_for_each(|(event, made)| self.0.apply(event, made, now_ms)));
        applied.map_err(malformed)
    }

    #[expect(clippy::needless_pass_by_value, reason = "a list of borrowed bytes has no other form")]
    fn hear(&self, py: Python<'_>, pieces: Vec<Bound<'_, PyBytes>>, now_ms: u64) -> PyResult<()> {
        let pieces: Vec<_> = pieces.iter().map(PyBytesMethods::as_bytes).collect();
        py.detach(|| pieces.iter().try_for_each(|piece| self.0.hear(piece, now_ms))).map_err(malformed)
    }

    fn follow_version(&self, viewer: u64) -> Option<i64> {
        self.0.follow_version(viewer)
    }

    #[pyo3(signature = (viewer, version, rows, *, floor, now_ms))]
    fn copy_list(
        &self,
        py: Python<'_>,
        viewer: u64,
        version: i64,
        rows: &[u8],
        floor: u64,
        now_ms: u64,
    ) -> PyResult<()> {
        let rows = self::rows(rows)?;
        py.detach(|| self.0.copy_list(viewer, version, rows, floor, now_ms));
        Ok(())
    }

    #[pyo3(signature = (viewer, rows, *, now_ms))]
    fn add_to_copy(&self, py: Python<'_>, viewer: u64, rows: &[u8], now_ms: u64) -> PyResult<()> {
        let rows = self::rows(rows)?;
        py.detach(|| self.0.add_to_copy(viewer, &rows, now_ms));
        Ok(())
    }

    fn drop_copy(&self, viewer: u64) {
        self.0.drop_copy(viewer);
    }

    fn know_newest(&self, id: u64) {
        self.0.know_newest(id);
    }

    fn tiers_changed(&self) {
        self.0.tiers_changed();
    }

    fn clear(&self, py: Python<'_>) {
        py.detach(|| self.0.clear());
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (tweets, people, viewers, bytes) = py.detach(|| self.0.held());
        let dict = PyDict::new(py);
        for (name, value) in [("tweets", tweets), ("people", people), ("viewers", viewers), ("bytes", bytes)] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    #[pyo3(signature = (viewer, *, now_ms, limit=20, below=MAX_ID, above=0, json=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords on the Python side")]
    fn home<'py>(
        &self,
        py: Python<'py>,
        viewer: u64,
        now_ms: u64,
        limit: usize,
        below: u64,
        above: u64,
        json: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ask = Ask { viewer, limit, below, above, now_ms, format: format(json), room: 0 };
        let page = py.detach(|| self.0.home(&ask));
        answer(py, page)
    }

    #[pyo3(signature = (viewer, author, *, now_ms, limit=20, below=MAX_ID, above=0, json=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords on the Python side")]
    fn user<'py>(
        &self,
        py: Python<'py>,
        viewer: u64,
        author: u64,
        now_ms: u64,
        limit: usize,
        below: u64,
        above: u64,
        json: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ask = Ask { viewer, limit, below, above, now_ms, format: format(json), room: 0 };
        let page = py.detach(|| self.0.user(&ask, author));
        answer(py, page)
    }

    #[pyo3(signature = (viewer, tweet, *, now_ms, json=false))]
    fn tweet<'py>(
        &self,
        py: Python<'py>,
        viewer: u64,
        tweet: u64,
        now_ms: u64,
        json: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ask = Ask { viewer, limit: 1, below: MAX_ID, above: 0, now_ms, format: format(json), room: 0 };
        let found = py.detach(|| self.0.tweet(&ask, tweet));
        answer(py, found)
    }
}

fn format(json: bool) -> Format {
    if json { Format::Json } else { Format::Proto }
}

fn answer(py: Python<'_>, page: Result<Vec<u8>, front::Miss>) -> PyResult<Bound<'_, PyAny>> {
    match page {
        Ok(page) => Ok(PyBytes::new(py, &page).into_any()),
        Err(miss) => Ok(Bound::new(py, Miss::new(py, &miss)?)?.into_any()),
    }
}

fn malformed(error: Malformed) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pyfunction]
pub(super) fn is_open(facts: u16) -> bool {
    front::rule::is_open(facts)
}

#[pyfunction]
pub(super) fn is_visible(facts: u16, was_asked_for: bool) -> bool {
    front::rule::is_visible(facts, was_asked_for)
}
