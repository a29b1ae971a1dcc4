//! All that Python sees: conversions at the border, and the GIL let go for anything longer than a few microseconds.

mod bytes;
mod front;
mod ids;
mod json;
mod serve;
mod text;
mod timeline;
mod trends;

use pyo3::prelude::*;

#[pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use super::front::{Front, Miss, is_open, is_visible};
    #[pymodule_export]
    use super::ids::{ClockBehind, LeaseExpired, Snowflake, boottime_ns, first_id_at, id_time_ms};
    #[pymodule_export]
    use super::json::JsonPrinter;
    #[pymodule_export]
    use super::serve::{Clock, DenyList, FrontServer, RateLimits};
    #[pymodule_export]
    use super::text::{ParsedText, parse_texts, reply_screen_names, text_check};
    #[pymodule_export]
    use super::timeline::{Sources, TimelineStore, merge_rows};
    #[pymodule_export]
    use super::trends::TrendSketch;

    #[pymodule_export]
    const MAX_ID: u64 = crate::row::MAX_ID;
    #[pymodule_export]
    const EPOCH_MS: u64 = crate::snowflake::EPOCH_MS;
    #[pymodule_export]
    const SOURCE_DIGEST: &str = env!("AVIARY_SOURCE_DIGEST");
}
