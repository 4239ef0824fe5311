//! `--public-dir`: served files, and files that must not be served.

use crate::app::Program;
use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::Command,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const LARGE: usize = 3 * 1024 * 1024;

/// A program that serves a folder with every kind of file.
struct Page {
    folder: tempfile::TempDir,
    address: String,
    _program: Program,
}

fn fill(folder: &Path) {
    let page = folder.join("page");
    for (name, text) in [
        ("secret.txt", "secret"),
        ("page/index.html", "<p>index</p>"),
        ("page/js/app.js", "let a;"),
        ("page/.hidden", "secret"),
        ("page/.git/config", "secret"),
        ("page/a\\b.txt", "secret"),
    ] {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
    fs::write(page.join("large.bin"), vec![b'x'; LARGE]).unwrap();
    for (target, link) in [
        ("../secret.txt", "out.txt"),
        ("..", "up"),
        ("/dev/zero", "zero"),
        ("js/app.js", "in.js"),
        (".git/config", "config"),
        ("nowhere", "dangling"),
        ("fifo", "to-fifo"),
    ] {
        symlink(target, page.join(link)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(page.join("fifo")).status().unwrap().success());
    drop(UnixListener::bind(page.join("socket")).unwrap());
}

impl Page {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        let page = folder.path().join("page");
        let mut program = Program::nono(&["--public-dir", page.to_str().unwrap()], &[]);
        let greeting = program.greeting().await;
        let (_, address) = greeting.split_once("http://").unwrap();
        let address = address.split_whitespace().next().unwrap().to_owned();
        Self { folder, address, _program: program }
    }

    /// Sends a request without normalizing its path, as clients would. Returns the head and the body.
    async fn request(&self, method: &str, target: &str, header: &str) -> (String, Vec<u8>) {
        let exchange = async {
            let mut stream = TcpStream::connect(&self.address).await.unwrap();
            let request =
                format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut response = Vec::new();
            stream.read_to_end(&mut response).await.unwrap();
            response
        };
        let response = timeout(Duration::from_secs(10), exchange).await.expect("it responds");
        let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        (String::from_utf8(response[..end].to_vec()).unwrap().to_lowercase(), response[end + 4..].to_vec())
    }

    async fn status(&self, target: &str) -> u16 {
        self.request("GET", target, "").await.0[9..12].parse().unwrap()
    }
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    head.lines().find_map(|line| line.strip_prefix(prefix.as_str())).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regular_files_of_the_folder_are_served() {
    let page = Page::start().await;
    for (target, kind, text) in [
        ("/", "text/html; charset=utf-8", "<p>index</p>"),
        ("/index.html", "text/html; charset=utf-8", "<p>index</p>"),
        ("/js/app.js", "text/javascript; charset=utf-8", "let a;"),
        ("/assets/v1/js/app.js", "text/javascript; charset=utf-8", "let a;"),
        ("/in.js", "text/javascript; charset=utf-8", "let a;"),
    ] {
        let (head, body) = page.request("GET", target, "").await;
        assert!(head.starts_with("http/1.1 200"), "{target}: {head}");
        assert_eq!((field(&head, "content-type"), body.as_slice()), (kind, text.as_bytes()), "{target}");
        assert!(head.contains("content-security-policy") && field(&head, "cache-control") == "no-cache");
    }
    fs::write(page.folder.path().join("page/js/app.js"), "let b = 1;").unwrap();
    assert_eq!(page.request("GET", "/js/app.js", "").await.1, b"let b = 1;", "a change is served at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_files_are_not_found() {
    let page = Page::start().await;
    for target in [
        "/.hidden",
        "/.git/config",
        "/config",
        "/out.txt",
        "/up/secret.txt",
        "/../secret.txt",
        "/js/../../secret.txt",
        "/js/../index.html",
        "/./index.html",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/js/%2e%2e%2f%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/a\\b.txt",
        "/a%5Cb.txt",
        "/index.html%00.js",
        "/index.html/",
        "/js/",
        "/js",
        "/js//app.js",
        "/assets/v1/../../../secret.txt",
        "/assets/v1//etc/passwd",
        "//etc/passwd",
        "/fifo",
        "/to-fifo",
        "/socket",
        "/zero",
        "/dangling",
        "/none.txt",
    ] {
        let status = page.status(target).await;
        assert!(status == 404 || (status == 400 && target.contains('\\')), "{target}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_is_served_completely_and_head_returns_its_length() {
    let page = Page::start().await;
    let (head, body) = page.request("GET", "/large.bin", "").await;
    assert_eq!((field(&head, "content-length"), body.len()), (LARGE.to_string().as_str(), LARGE));
    assert!(body.iter().all(|&byte| byte == b'x'));
    let (head, body) = page.request("HEAD", "/large.bin", "").await;
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}");
    assert_eq!(field(&head, "content-length"), LARGE.to_string());
    let (head, _) = page.request("POST", "/large.bin", "").await;
    assert!(head.starts_with("http/1.1 405") && field(&head, "allow") == "get, head", "{head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unchanged_file_returns_304() {
    let page = Page::start().await;
    let (head, _) = page.request("GET", "/js/app.js", "").await;
    let tag = field(&head, "etag").to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        for method in ["GET", "HEAD"] {
            let (head, body) =
                page.request(method, "/js/app.js", &format!("if-none-match: {known}\r\n")).await;
            assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{known}: {head}");
            assert_eq!(field(&head, "etag"), tag);
        }
    }
    fs::write(page.folder.path().join("page/js/app.js"), "let bb;").unwrap();
    let (head, body) = page.request("GET", "/js/app.js", &format!("if-none-match: {tag}\r\n")).await;
    assert!(head.starts_with("http/1.1 200") && field(&head, "etag") != tag, "{head}");
    assert_eq!(body, b"let bb;");
}

#[tokio::test]
async fn a_folder_without_a_servable_page_is_an_invalid_setting() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let link = folder.path().join("page/index.html");
    for make in [
        (|link: &Path| symlink("../secret.txt", link).unwrap()) as fn(&Path),
        |link| fs::create_dir(link).unwrap(),
        |link| assert!(Command::new("mkfifo").arg(link).status().unwrap().success()),
        |_| (),
    ] {
        let _ = fs::remove_file(&link).or_else(|_| fs::remove_dir(&link));
        make(&link);
        let page = folder.path().join("page");
        let (code, _, err) = Program::run("nono", &["--public-dir", page.to_str().unwrap()], &[]).await;
        assert!(code == Some(2) && err.contains("there is no index.html in it"), "{err}");
    }
}
