//! The user's files: paths within the workspace, open documents, and the immutable view a run works from.

mod document;
mod nearby;
mod path;
mod position;
mod snapshot;
mod write;

pub use document::{Change, Document, InvalidChange};
pub use nearby::item_near;
pub use path::{PathError, RelPath};
pub use position::{Encoding, Position};
pub use snapshot::{Buffer, ReadError, Snapshot};
pub use write::{WriteError, write_all};
