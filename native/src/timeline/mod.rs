//! Warm timelines held in memory: packed lists, the store of them, and merging.

mod list;
mod merge;
mod packed;
mod request;
mod shard;
mod sources;
mod store;

pub use list::{BUILD_LIMIT_MS, State};
pub use merge::{Merged, Stretch, merge, merge_rows};
pub use packed::{Descending, Packed};
pub use request::{Append, Limits, Page, Slot, Stats};
pub use sources::Sources;
pub use store::TimelineStore;
