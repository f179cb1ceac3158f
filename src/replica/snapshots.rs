//! Snapshots as a replica takes, sends, receives and installs them; the bytes are written and read by whoever runs it.

use crate::codec::Settings;
use crate::state_machine::KeyValueMap;

/// The replicated state as of one index, and the settings in force there. A clone costs the same whatever it holds.
#[derive(Clone, Debug)]
pub struct Image {
    pub map: KeyValueMap,
    pub settings: Settings,
}
