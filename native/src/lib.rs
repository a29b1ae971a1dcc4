//! The hot structures of Aviary, pure Rust beneath a thin layer for Python.
//!
//! - [`front`]: hot reads from what is held in memory;
//! - [`json`]: Protobuf messages as the gateway would print them;
//! - [`serve`]: the server of those reads, with what it holds calls against: [`denied`], [`limits`];
//! - [`snowflake`]: ids that rise strictly;
//! - [`text`]: weighing a tweet's text and finding its entities;
//! - [`timeline`]: warm timelines, their merge and their store, made of [`row`]s;
//! - [`trends`]: counts of the last two hours in little memory.

pub mod clock;
pub mod denied;
pub mod front;
pub mod hash;
pub mod json;
pub mod limits;
pub mod row;
pub mod serve;
pub mod snowflake;
pub mod text;
pub mod timeline;
pub mod trends;
pub mod wire;

#[cfg(feature = "python")]
mod python;
