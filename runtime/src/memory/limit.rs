//! The memory limit of the process: of its cgroup, or the physical memory.

use nix::unistd::{SysconfVar, sysconf};
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// Limit if the system does not report its memory.
const FALLBACK: u64 = 1 << 30;

/// Returns the memory limit of the process in bytes: the smallest one of its cgroups, and at most the physical memory.
pub fn process_limit() -> u64 {
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let cgroup = cgroup_limit(&cgroups, Path::new("/sys/fs/cgroup"));
    cgroup.into_iter().chain(physical_memory()).min().unwrap_or(FALLBACK)
}

fn physical_memory() -> Option<u64> {
    let value = |variable| sysconf(variable).ok().flatten().and_then(|value| u64::try_from(value).ok());
    value(SysconfVar::_PHYS_PAGES)?.checked_mul(value(SysconfVar::PAGE_SIZE)?)
}

/// Returns the smallest limit of the cgroups in `/proc/self/cgroup` and of their parents, of both versions.
fn cgroup_limit(cgroups: &str, root: &Path) -> Option<u64> {
    let limits = cgroups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let found = match controllers {
            // Version 2 is mounted below another folder if both versions are in use.
            "" => {
                [limits(root, path, "memory.max"), limits(&root.join("unified"), path, "memory.max")].concat()
            }
            list if list.split(',').any(|controller| controller == "memory") => {
                limits(&root.join("memory"), path, "memory.limit_in_bytes")
            }
            _ => Vec::new(),
        };
        found.into_iter()
    });
    limits.min()
}

/// Returns the limits of a cgroup and its parents. A container sees its own cgroup as the mounted one, without the folders
/// in its path.
fn limits(mount: &Path, path: &str, file: &str) -> Vec<u64> {
    let names = Path::new(path).components().filter(|component| matches!(component, Component::Normal(_)));
    let path: PathBuf = names.collect();
    let folders = path.ancestors().map(|folder| mount.join(folder).join(file));
    folders.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, content: &str) {
        fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        fs::write(root.join(file), content).unwrap();
    }

    #[test]
    fn the_smallest_limit_of_a_cgroup_and_its_parents_counts() {
        let root = tempfile::tempdir().unwrap();
        let limit = |cgroups: &str| cgroup_limit(cgroups, root.path());
        assert_eq!(limit("0::/a/b\n"), None);
        write(root.path(), "a/b/memory.max", "max\n");
        assert_eq!(limit("0::/a/b\n"), None);
        write(root.path(), "a/memory.max", "268435456\n");
        assert_eq!(limit("0::/a/b\n"), Some(256 << 20));
        write(root.path(), "a/b/memory.max", "1048576\n");
        assert_eq!(
            (limit("0::/a/b\n"), limit("0::/a\n"), limit("0::/c\n")),
            (Some(1 << 20), Some(256 << 20), None)
        );
    }

    #[test]
    fn both_versions_of_cgroups_are_read() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        write(root.path(), "memory/memory.limit_in_bytes", "67108864\n");
        write(root.path(), "unified/memory.max", "134217728\n");
        assert_eq!(cgroup_limit("4:cpu,memory:/a\n1:name=systemd:/\n", root.path()), Some(64 << 20));
        assert_eq!(cgroup_limit("0::/../x\n", root.path()), Some(128 << 20));
        assert_eq!(cgroup_limit("", root.path()), None);
    }

    #[test]
    fn the_process_has_a_limit() {
        assert!((16 << 20..=physical_memory().unwrap()).contains(&process_limit()));
    }
}
