//! Node processes: start, find, signal, wait. The truth about "runs" is the lock on the data directory; pid and start
//! time say which process it is, so a number that was given to another program is never signalled.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::storage::layout::{self, RunFile};

/// How long a node may take to stop in good order before it is killed.
pub const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How long a node may take to open its log and listen.
pub const START_PATIENCE: Duration = Duration::from_secs(60);

/// How often processes are looked at while one waits for them.
pub const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Whom a new node lives with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Ends when this process ends, however it ends.
    WithThisProcess,
    /// Goes on alone, in a session of its own.
    Alone,
}

/// Starts the node in `dir`. Call it from the main thread: the parent-death signal follows the thread that starts a
/// child.
///
/// # Errors
/// The operating system refused.
pub fn spawn(dir: &Path, life: Life) -> io::Result<Child> {
    let mut command = without_descriptors(&std::env::current_exe()?, &inherited_descriptors()?);
    command.arg("node").arg("--data-dir").arg(dir);
    match life {
        Life::WithThisProcess => command.arg("--die-with-parent").arg(std::process::id().to_string()),
        Life::Alone => command.arg("--detached"),
    };
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RAFTCTL_") {
            command.env_remove(name);
        }
    }
    if life == Life::WithThisProcess {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    // What a node says before its log is open, or when it panics, must not be lost.
    let log = std::fs::OpenOptions::new().create(true).append(true).open(layout::node_log(dir))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()
}

/// A command that closes what this process was handed by its own caller: a test harness or a shell waits for the end
/// of such a pipe or lock, and must not wait for a node. A shell does the closing, for the standard library has no
/// way to, and then becomes the program, under the same pid.
fn without_descriptors(program: &Path, descriptors: &[u32]) -> Command {
    const BASH: &str = "/bin/bash";
    let Some(most) = descriptors.last() else { return Command::new(program) };
    // Plain shells read only one digit in front of a redirection.
    let shell = if *most > 9 && Path::new(BASH).exists() { BASH } else { "/bin/sh" };
    let closable = descriptors.iter().filter(|number| shell == BASH || **number <= 9);
    let closing: String = closable.map(|number| format!(" {number}>&-")).collect();
    let mut command = Command::new(shell);
    command.arg("-c").arg(format!("exec \"$@\"{closing}")).arg("raftctl").arg(program);
    command
}

/// Open descriptors above the standard three that a program started from here would get, in order.
fn inherited_descriptors() -> io::Result<Vec<u32>> {
    /// Of `fcntl.h`, as `/proc/PID/fdinfo` shows it, in octal.
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fdinfo")? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // The descriptor of this listing, and what another thread has closed meanwhile, cannot be read any more.
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:")).map(str::trim);
        let flags = flags.and_then(|flags| u32::from_str_radix(flags, 8).ok()).unwrap_or(CLOSE_ON_EXEC);
        if number > 2 && flags & CLOSE_ON_EXEC == 0 {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The process that runs the node in `dir`; none when it is down.
pub fn running(dir: &Path) -> Option<RunFile> {
    // The file first: asking for the lock of a node that is just opening could make it believe that it is taken.
    let run = RunFile::read(dir).ok().filter(|file| file.is_alive().unwrap_or(false))?;
    is_held(dir).then_some(run)
}

/// Whether any process holds the node's data, known or not.
pub fn is_held(dir: &Path) -> bool {
    layout::is_locked(dir).unwrap_or(false)
}

/// Sends a signal to exactly the process that `run` names.
///
/// # Errors
/// It is gone, or the operating system refused.
pub fn signal(run: &RunFile, signal: Signal) -> io::Result<()> {
    let gone = || io::Error::new(io::ErrorKind::NotFound, format!("process {} has ended", run.pid));
    let pid = i32::try_from(run.pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    // The handle cannot change hands any more; only now is it sure that it is the process that was meant.
    if !run.is_alive().map_err(io::Error::other)? {
        return Err(gone());
    }
    Ok(pidfd_send_signal(handle, signal)?)
}

/// Whether a process is stopped by a signal, as `pause` does it.
pub fn is_paused(pid: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    text.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

/// What came of waiting for a node to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    Running,
    /// The process ended before it ran.
    Ended,
    Late,
}

/// Whether the node in `dir`, whose process is `child`, runs by now; none while that is open.
pub fn check_started(dir: &Path, child: &mut Child, since: Instant) -> Option<Started> {
    if running(dir).is_some_and(|run| run.pid == child.id()) {
        return Some(Started::Running);
    }
    match child.try_wait() {
        Ok(None) if since.elapsed() > START_PATIENCE => Some(Started::Late),
        Ok(None) => None,
        Ok(Some(_)) | Err(_) => Some(Started::Ended),
    }
}

/// Stops the nodes in `dirs` in good order, all at once, and kills those that take too long. Gives the names of the
/// killed ones' directories.
pub fn stop(dirs: &[PathBuf], patience: Duration) -> Vec<PathBuf> {
    let tell = |dir: &PathBuf, word: Signal| {
        if let Some(run) = running(dir) {
            // A paused process must wake up to hear that it is to stop. Failing here means that it has ended.
            let _ = signal(&run, word).and_then(|()| signal(&run, Signal::CONT));
        }
    };
    dirs.iter().for_each(|dir| tell(dir, Signal::TERM));
    let late = wait_down(dirs, patience);
    late.iter().for_each(|dir| tell(dir, Signal::KILL));
    wait_down(&late, patience);
    late
}

/// Waits until none of the nodes is held by a process; gives those that still are when the time is over.
pub fn wait_down(dirs: &[PathBuf], patience: Duration) -> Vec<PathBuf> {
    let deadline = Instant::now() + patience;
    loop {
        let held: Vec<PathBuf> = dirs.iter().filter(|dir| is_held(dir)).cloned().collect();
        if held.is_empty() || Instant::now() >= deadline {
            return held;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A signal by its name, with or without `SIG`.
pub fn signal_named(name: &str) -> Option<Signal> {
    let upper = name.to_ascii_uppercase();
    Some(match upper.strip_prefix("SIG").unwrap_or(&upper) {
        "KILL" => Signal::KILL,
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "HUP" => Signal::HUP,
        "ABRT" => Signal::ABORT,
        "SEGV" => Signal::SEGV,
        "STOP" => Signal::STOP,
        "CONT" => Signal::CONT,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_another_start_time_is_not_the_one_that_was_meant() {
        let mut run = RunFile::of_this_process(String::new()).unwrap();
        assert!(run.is_alive().unwrap());
        run.start_ticks += 1;
        let error = signal(&run, Signal::CONT).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    }

    #[test]
    fn a_stopped_process_is_paused_until_it_goes_on() {
        let mut child = Command::new("/bin/sleep").arg("600").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let until = |wanted: bool| {
            let began = Instant::now();
            while is_paused(child.id()) != wanted {
                assert!(began.elapsed() < Duration::from_secs(10), "it becomes {wanted} in the end");
                std::thread::yield_now();
            }
        };
        rustix::process::kill_process(pid, Signal::STOP).unwrap();
        until(true);
        rustix::process::kill_process(pid, Signal::CONT).unwrap();
        until(false);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn signals_have_names_with_and_without_sig() {
        assert_eq!(signal_named("SIGKILL"), Some(Signal::KILL));
        assert_eq!(signal_named("term"), Some(Signal::TERM));
        assert_eq!(signal_named("9"), None);
    }
}
