//! Protobuf messages as the JSON that the gateway's transcoder prints, byte for byte.
//!
//! Proto names, every primitive field with its default, 64-bit integers as strings, fields in the
//! order of their declaration; messages and `optional` fields only when they are set.

mod escape;
mod number;
mod printer;
mod shape;

pub(crate) use number::put_integer;
pub use printer::Printer;
pub use shape::ShapeError;
