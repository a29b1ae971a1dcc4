//! The hot structures of Aviary, pure Rust beneath a thin layer for Python.
//!
//! - [`snowflake`]: ids that rise strictly;
//! - [`text`]: weighing a tweet's text and finding its entities;
//! - [`timeline`]: warm timelines, their merge and their store, made of [`row`]s;
//! - [`trends`]: counts of the last two hours in little memory.

pub mod clock;
pub mod row;
pub mod snowflake;
pub mod text;
pub mod timeline;
pub mod trends;

#[cfg(feature = "python")]
mod python;
