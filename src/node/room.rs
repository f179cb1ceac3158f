//! What the turn knows of the room on the disk. The journal's thread looks whenever it takes more of it; when there is
//! too little, nothing is taken, so that the turn has to look itself whether there is enough again.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use crate::raft::Time;
use crate::storage::room::DiskRoom;

/// How often the turn looks while there is too little.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The turn's view of `DiskRoom`.
pub struct Room {
    shared: Arc<DiskRoom>,
    /// As the replica was told.
    told_low: bool,
    looked_at: Time,
}

impl Room {
    pub fn new(shared: Arc<DiskRoom>) -> Room {
        Room { shared, told_low: false, looked_at: Time::default() }
    }

    pub fn is_low(&self) -> bool {
        self.told_low
    }

    /// Whether there is too little, if that has changed.
    ///
    /// # Errors
    /// The disk cannot be asked; then nothing has changed.
    pub fn news(&mut self, now: Time) -> io::Result<Option<bool>> {
        if self.told_low && now >= self.looked_at + LOOK_INTERVAL {
            self.looked_at = now;
            self.shared.look()?;
        }
        let is_low = self.shared.is_low();
        let has_changed = core::mem::replace(&mut self.told_low, is_low) != is_low;
        Ok(has_changed.then_some(is_low))
    }
}
