//! Packed ids and rows between Python's bytes and the core.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::row::{self, Row};

pub(super) fn ids(bytes: &[u8]) -> PyResult<Vec<u64>> {
    let (words, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        let message = format!("{} bytes of ids; an id has 8", bytes.len());
        return Err(PyValueError::new_err(message));
    }
    Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
}

pub(super) fn rows(bytes: &[u8]) -> PyResult<Vec<Row>> {
    row::decode(bytes).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub(super) fn pack_ids(py: Python<'_>, ids: impl ExactSizeIterator<Item = u64>) -> PyResult<Bound<'_, PyBytes>> {
    PyBytes::new_with(py, ids.len() * 8, |bytes| {
        for (slot, id) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(ids) {
            *slot = id.to_le_bytes();
        }
        Ok(())
    })
}
