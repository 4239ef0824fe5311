//! The files of the page, and the page for trying the API.

use crate::app::App;
use reqwest::Method;

pub async fn the_page_has_a_strict_content_security_policy(app: &App) {
    let page = app.get("/?session=a").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-cache");
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                  manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                  require-trusted-types-for 'script'; trusted-types 'none'";
    for response in [&page, &app.get("/api/sessions").await, &app.get("/nothing").await] {
        for (header, value) in [
            ("content-security-policy", policy),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(response.headers[header], value);
        }
    }
    assert!(page.text.contains("🤖") && !page.text.contains("onclick") && !page.text.contains("style="));
    let again = app.request(Method::GET, "/").header("if-none-match", page.headers["etag"].clone());
    assert_eq!(app.send(again).await.status, 304);
    let script = app.get("/js/main.js").await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.headers["cache-control"], "no-cache");
}

pub async fn an_unknown_address_leads_a_browser_to_the_page(app: &App) {
    let navigation = |path: &str, accept: &str| {
        app.send(app.request(Method::GET, path).header("accept", accept.to_owned()))
    };
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = navigation("/no/such/page", browser).await;
    assert_eq!(
        (page.status.as_u16(), &page.headers["content-type"]),
        (404, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert!(page.text.contains("href=\"/\"") && page.headers.get("etag").is_none());
    assert!(page.headers.get_all("vary").iter().any(|name| name == "accept"));
    for (path, accept) in [("/no/such/page", "*/*"), ("/api/nothing", browser), ("/no", "text/html;q=0")] {
        navigation(path, accept).await.problem(404);
    }
}

pub async fn versioned_files_of_the_page_are_immutable(app: &App) {
    let page = app.get("/").await.text;
    let at = page.find("src=\"/assets/").expect("the page names its scripts by version") + "src=\"".len();
    let script = page[at..].split('"').next().unwrap();
    let kept = app.get(script).await;
    assert_eq!(kept.status, 200);
    assert_eq!(kept.headers["cache-control"], "public, max-age=31536000, immutable");
    // During an update, a page of another version receives the current file, which it must not cache.
    let other = app.get("/assets/0000000000000000/js/main.js").await;
    assert_eq!((other.status.as_u16(), &other.headers["cache-control"]), (200, &"no-cache".parse().unwrap()));
    app.get("/assets/0000000000000000/js/nothing.js").await.problem(404);
}

pub async fn files_are_compressed_with_an_encoding_that_the_client_accepts(app: &App) {
    for (accepted, encoding) in [
        ("br, gzip", Some("br")),
        ("gzip, deflate", Some("gzip")),
        ("br;q=0, gzip;q=0.5", Some("gzip")),
        ("identity", None),
    ] {
        let request = app.request(Method::GET, "/js/main.js").header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        assert_eq!(headers.get("content-encoding").map(|value| value.to_str().unwrap()), encoding);
        assert_eq!(headers["vary"], "accept-encoding");
        let magic = &response.bytes().await.unwrap()[..2];
        assert_eq!(magic == [0x1f, 0x8b], encoding == Some("gzip"), "{accepted}");
        let again = app.request(Method::GET, "/js/main.js").header("accept-encoding", accepted);
        let again = app.send(again.header("if-none-match", headers["etag"].clone())).await;
        assert_eq!(again.status, 304, "{accepted}");
        let other = app.request(Method::GET, "/js/main.js").header("accept-encoding", "deflate");
        let other = app.send(other.header("if-none-match", headers["etag"].clone())).await;
        assert_eq!(other.status, if encoding.is_none() { 304 } else { 200 }, "another representation");
    }
}

pub async fn docs_serves_a_page_to_try_the_api(app: &App) {
    let docs = app.get("/docs").await;
    assert_eq!(docs.status, 200);
    assert!(docs.text.contains("swagger-ui"));
    let policy = docs.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';") && policy.contains("default-src 'none'"), "{policy}");
    let start = app.get("/docs/swagger-initializer.js").await;
    assert!(start.text.contains("/openapi.json"), "{}", start.text);
    assert_eq!(app.get("/docsx").await.status, 404);
}
