//! Networks for tests: one that a test has for itself, and pods in it, which have an address and a cable of their own.

use std::{
    env, fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Variable that marks the process of a test that is inside its network.
const MARK: &str = "NONO_TEST_NETWORK";
/// Address of the name server.
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);

/// Runs a test in a network of its own: in another process of this program, without any connection to the outside, whose
/// only name server is the test itself.
pub fn isolated(test: &str, run: impl Future<Output = ()>) {
    #[expect(clippy::disallowed_methods, reason = "it is for the test alone")]
    if env::var_os(MARK).is_some() {
        set_up();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        return runtime.worker_threads(2).enable_all().build().unwrap().block_on(run);
    }
    let output = Command::new("unshare")
        .args(flags())
        .arg(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(MARK, "1")
        .output()
        .expect("unshare is installed (package util-linux)");
    let (log, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} failed in its network:\n{log}{errors}");
    assert!(log.contains("1 passed"), "{test} did not run in its network:\n{log}");
}

/// Returns the flags of `unshare` that the system permits: as root, a container may permit no user namespace.
fn flags() -> &'static [&'static str] {
    let flags: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount", "--net"], &["--mount", "--net"]];
    let is_permitted = |flags: &&&[&str]| {
        Command::new("unshare").args(**flags).arg("true").output().is_ok_and(|output| output.status.success())
    };
    flags.iter().find(is_permitted).expect("the system permits no namespaces: see CONTRIBUTING.md")
}

/// Sets up the loopback device, the configuration of name resolution, and a folder for the networks of pods.
fn set_up() {
    let files = [
        ("/etc/resolv.conf", format!("nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n")),
        ("/etc/nsswitch.conf", "hosts: files dns\n".to_owned()),
    ];
    let files = files.map(|(path, text)| (fs::canonicalize(path).unwrap(), text));
    run("mount", &["-t", "tmpfs", "tmpfs", "/run"]);
    for (number, (path, text)) in files.iter().enumerate() {
        if path.starts_with("/run") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        } else {
            let file = format!("/run/{number}");
            fs::write(&file, text).unwrap();
            run("mount", &["--bind", &file, path.to_str().unwrap()]);
        }
    }
    run("ip", &["link", "set", "lo", "up"]);
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} (package iproute2 or util-linux): {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {errors}", arguments.join(" "));
}

/// A network with one address, connected to the network of the test by a virtual cable. Both are removed when it is dropped.
pub struct Pod {
    name: String,
    number: u8,
}

impl Pod {
    /// Creates the pod with this number.
    pub fn new(number: u8) -> Self {
        let pod = Self { name: format!("pod{number}"), number };
        let (name, link) = (pod.name.as_str(), format!("link{number}"));
        let (inner, outer) = (format!("{}/24", pod.address()), format!("{}/24", pod.gateway_address()));
        run("ip", &["netns", "add", name]);
        run("ip", &["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", name]);
        run("ip", &["addr", "add", &outer, "dev", &link]);
        run("ip", &["link", "set", &link, "up"]);
        run("ip", &["-n", name, "addr", "add", &inner, "dev", "eth0"]);
        run("ip", &["-n", name, "link", "set", "lo", "up"]);
        pod.plug_in();
        pod
    }

    /// Returns the address of the pod.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 99, self.number, 2)
    }

    /// Returns the address of the test as the pod sees it.
    pub fn gateway_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 99, self.number, 1)
    }

    /// Returns the file that stands for the network, for `nsenter`.
    pub fn network(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// Drops all packets from and to the pod, without a sign to either side.
    pub fn unplug(&self) {
        run("ip", &["-n", &self.name, "link", "set", "eth0", "down"]);
    }

    /// Ends [`Pod::unplug`].
    pub fn plug_in(&self) {
        run("ip", &["-n", &self.name, "link", "set", "eth0", "up"]);
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        run("ip", &["link", "del", &format!("link{}", self.number)]);
        run("ip", &["netns", "del", &self.name]);
    }
}
