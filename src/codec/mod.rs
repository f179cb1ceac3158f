//! The only place where bytes meet types. Bytes are copied, never decoded and rewritten, so what a newer version
//! added survives passing through an older one.

pub mod batch;
pub mod changes;
pub mod client;
pub mod entry;
pub mod frame;
pub mod peer;
pub mod record;
pub mod sessions;
pub mod settings;
pub mod snapshot;

pub use batch::WriteBatch;
pub use entry::{Entry, EntryError, decode_entry};
pub use peer::PeerMessage;
pub use record::{Kind, RECORD_HEADER_BYTES, RecordError, RecordHeader, append_record};
pub use settings::Settings;
