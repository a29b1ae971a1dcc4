//! The printer for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::json;

#[pyclass(frozen, module = "aviary._native")]
pub(super) struct JsonPrinter(json::Printer);

#[pymethods]
impl JsonPrinter {
    #[new]
    fn new(py: Python<'_>, descriptors: &[u8], message: &str) -> PyResult<Self> {
        let printer = py.detach(|| json::Printer::new(descriptors, message));
        printer.map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn print<'py>(&self, py: Python<'py>, message: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(2 * message.len());
        let printed = py.detach(|| self.0.print(message, &mut out));
        printed.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &out))
    }
}
