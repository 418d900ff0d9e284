//! The priority of the process.

use rustix::process::{Pid, setpriority_process};
use std::{fs, io};

/// How nice a host of low priority is, of 0 to 19.
const LOW: i32 = 10;

/// Makes every thread of this process, and all that they start, run at a low priority.
///
/// # Errors
/// When the system refuses.
pub(crate) fn lower() -> io::Result<()> {
    // Linux keeps a priority for each thread; those of before do not follow this one.
    for entry in fs::read_dir("/proc/self/task")? {
        let thread = entry?.file_name().to_string_lossy().parse().ok();
        if let Some(thread) = thread.and_then(Pid::from_raw) {
            setpriority_process(Some(thread), LOW)?;
        }
    }
    Ok(())
}
