//! Memory bounds of programs that the system enforces, and the factor of long tests.

use super::program::{Program, configured, path};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread::yield_now,
    time::{Duration, Instant},
};
use tokio::process::Command;

/// Timeout for the end of the processes in a cgroup.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Address space in addition to the bound, where no cgroup can be created: the allocator and the stacks reserve more than they
/// use.
const ADDRESS_SPACE_BYTES: u64 = 2 << 30;

/// Returns the factor by which `make faults` multiplies clients and durations of the load tests.
pub fn load_factor() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "it is for the test alone")]
    std::env::var("NONO_FAULTS_FACTOR").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// A program that the system ends or refuses memory beyond a bound.
pub struct BoundProgram {
    program: Option<Program>,
    /// The cgroup of the program; `None` if its address space is bounded instead.
    cgroup: Option<PathBuf>,
}

impl BoundProgram {
    /// Starts a program in a new cgroup with a memory limit, or with a limited address space if no cgroup can be created.
    pub fn start(name: &str, arguments: &[&str], bytes: u64) -> Self {
        let cgroup = create_cgroup(bytes);
        let limit = match &cgroup {
            Some(folder) => format!("echo $$ > {}", folder.join("cgroup.procs").display()),
            None => format!("ulimit -v {}", (bytes + ADDRESS_SPACE_BYTES) >> 10),
        };
        let mut command = configured(Command::new("sh"), &[("RUST_LOG", "info,nono=debug")]);
        command.args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")]).arg(path(name)).args(arguments);
        Self { program: Some(Program::spawn(command)), cgroup }
    }

    pub fn program(&mut self) -> &mut Program {
        self.program.as_mut().expect("only drop takes the program")
    }
}

impl Drop for BoundProgram {
    fn drop(&mut self) {
        self.program = None;
        let (start, Some(cgroup)) = (Instant::now(), &self.cgroup) else { return };
        // Only a cgroup without processes can be removed.
        while fs::remove_dir(cgroup).is_err() && start.elapsed() < TIMEOUT {
            yield_now();
        }
    }
}

/// Creates a cgroup with a memory limit below that of this process; `None` if the system does not permit it.
fn create_cgroup(bytes: u64) -> Option<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("nono-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let paths = own.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let path = path.trim_start_matches('/');
        match controllers {
            "memory" => Some((Path::new("/sys/fs/cgroup/memory").join(path), "memory.limit_in_bytes")),
            "" => Some((Path::new("/sys/fs/cgroup").join(path), "memory.max")),
            _ => None,
        }
    });
    paths.into_iter().find_map(|(parent, file)| {
        let cgroup = parent.join(&name);
        fs::create_dir(&cgroup).ok()?;
        // A controller that is not delegated has no such file.
        if fs::write(cgroup.join(file), bytes.to_string()).is_err() {
            let _ = fs::remove_dir(&cgroup);
            return None;
        }
        Some(cgroup)
    })
}
