//! A timer that is exact to some microseconds. The runtime's own counts in milliseconds, which is more than a request
//! takes: an open loop that waited with it would measure the timer.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

pub(super) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// # Errors
    /// The operating system gives no timer. Must be called inside a runtime.
    #[expect(
        deprecated,
        reason = "its successor is unsafe, for descriptors that somebody else may close; this one is owned"
    )]
    pub(super) fn new() -> io::Result<Alarm> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Alarm(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    /// Waits until `time`; may be dropped and called again.
    ///
    /// # Errors
    /// The operating system does not set the timer.
    pub(super) async fn until(&self, time: Instant) -> io::Result<()> {
        loop {
            let wait = time.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            // Setting it takes back an earlier ring that nobody has heard.
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once_after(wait))?;
            self.0.readable().await?.clear_ready();
        }
    }
}

fn once_after(wait: Duration) -> Itimerspec {
    let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
    let value = Timespec { tv_sec: seconds, tv_nsec: wait.subsec_nanos().into() };
    Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value }
}
