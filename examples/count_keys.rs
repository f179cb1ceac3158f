//! Counts how often each key was written in a log, with nothing but the reader: `count_keys demo/nodes/n1`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use raftctl::inspect::log::Source;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: count_keys NODE-OR-DATA-DIRECTORY")?;
    let (mut writes, mut exit) = (BTreeMap::<Vec<u8>, u64>::new(), ExitCode::SUCCESS);
    for entry in Source::at(path).entries()? {
        match entry {
            Ok(entry) => entry.keys().into_iter().for_each(|key| *writes.entry(key).or_default() += 1),
            Err(damage) => (exit, _) = (ExitCode::from(7), eprintln!("{damage}")),
        }
    }
    for (key, count) in &writes {
        println!("{count:>8}  {}", key.escape_ascii());
    }
    Ok(exit)
}
