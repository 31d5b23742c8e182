//! How much memory a process has in use, and had at most.

use std::fs;

/// Kilobytes in a megabyte.
const MB: u64 = 1024;

/// What a process has in memory, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Its own: heaps, stacks, and what it has written to of a library.
    pub own: u64,
    /// Pages of files it has mapped, such as code. Where it gets narrow they can be dropped.
    pub mapped: u64,
}

/// The memory of one process.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pid: u32,
}

impl Memory {
    /// Of the process with this id.
    pub fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// What is in use now, in MiB.
    pub fn now(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that was in use since [`Memory::begin`], in MiB.
    pub fn peak(self) -> u64 {
        self.status("VmHWM:")
    }

    /// Begins to look for the most anew; what is in use now, in MiB.
    pub fn begin(self) -> u64 {
        // 5: the high-water mark becomes what is in use now.
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").unwrap();
        self.now()
    }

    /// What is in use now, by kind.
    pub fn resident(self) -> Resident {
        Resident { own: self.kib("RssAnon:"), mapped: self.kib("RssFile:") }
    }

    fn status(self, line: &str) -> u64 {
        self.kib(line) / MB
    }

    fn kib(self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let value = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }
}
