//! Users whom a proxy in front of the gateway has authenticated.

use super::{
    claims, deployment, person,
    provider::{ISSUER, Provider, jwks},
    signer::Signer,
};
use crate::access::{
    Browser, Deployment,
    rest::{PUBLIC, operations, respond},
};
use reqwest::Method;
use std::fs;

/// Starts a gateway that believes the header `x-user` of proxies in a network.
async fn behind(network: &str, signer: &Signer) -> Deployment {
    let provider = Provider::start(&[signer]).await;
    deployment(&provider.url, &["--auth-proxy-header", "X-User", "--trusted-proxies", network]).await
}

async fn status(client: &Browser, headers: &[(&str, &str)]) -> u16 {
    client.send(Method::GET, "/api/session/a", None, headers).await.status().as_u16()
}

#[tokio::test]
async fn the_header_of_a_client_that_is_no_trusted_proxy_is_ignored() {
    let curve = Signer::curve("curve");
    let deployment = behind("192.0.2.0/24", &curve).await;
    let stranger = Browser::new(&deployment.http);
    let headers = [("x-user", "ann"), ("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
    for operation in
        operations(&stranger).await.iter().filter(|operation| !PUBLIC.contains(&operation.as_str()))
    {
        let response = respond(&stranger, operation, &headers).await;
        assert_eq!(response.status(), 401, "{operation}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"nono\"");
    }
    assert_eq!(status(&person(&deployment, &curve, "ann"), &headers).await, 404);
}

#[tokio::test]
async fn each_user_of_a_trusted_proxy_is_an_owner() {
    let curve = Signer::curve("curve");
    let deployment = behind("127.0.0.0/8", &curve).await;
    let proxy = Browser::new(&deployment.http);
    let create = serde_json::json!({ "user_id": "a" });
    let created = proxy.send(Method::POST, "/api/session/create", Some(&create), &[("x-user", "ann")]).await;
    assert_eq!(created.status(), 200);
    for (headers, expected) in [
        (&[("X-User", "ann")][..], 200),
        (&[("x-user", "bob")], 404),
        (&[("x-user", "Ann")], 404),
        (&[("x-user", "ann, bob")], 404),
        (&[("x-user", "ann%20")], 404),
        (&[], 401),
        (&[("x-user", "")], 401),
        (&[("x-user", " ")], 401),
        (&[("x-user", "\u{e4}nn")], 401),
        (&[("x-user", "ann\tb")], 401),
        (&[("x-user", "ann"), ("x-user", "ann")], 401),
        (&[("x-user", "ann"), ("x-user", "bob")], 401),
        (&[("x-user", "x".repeat(512).leak())], 401),
        // A token decides alone.
        (&[("x-user", "ann"), ("authorization", "Bearer garbage")], 401),
        (&[("x-user", "ann"), ("authorization", "Basic YW5uOmFubg==")], 401),
    ] {
        assert_eq!(status(&proxy, headers).await, expected, "{headers:?}");
    }
    let token = Browser::with_token(&deployment.http, &curve.sign(&claims("bob")));
    assert_eq!(status(&token, &[("x-user", "ann")]).await, 404);
    // The subject `ann` is another person than the user `ann` of the proxy.
    assert_eq!(status(&person(&deployment, &curve, "ann"), &[]).await, 404);
}

#[tokio::test]
async fn settings_that_would_accept_any_token_are_refused() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    fs::write(&keys, jwks(&[&Signer::curve("a")]).to_string()).unwrap();
    let keys = keys.path().to_str().unwrap();
    let empty = tempfile::NamedTempFile::new().unwrap();
    fs::write(&empty, "{\"keys\": []}").unwrap();
    let empty = empty.path().to_str().unwrap();
    let required = [("--oidc-issuer", ISSUER), ("--oidc-audience", "nono"), ("--oidc-jwks", keys)];
    let all: Vec<_> = required.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    let all = [&["--auth", "oidc"], &all[..]].concat();
    let with = |more: &[&'static str]| [&all[..], more].concat();
    let mut cases = vec![
        (with(&["--auth-proxy-header", "x-user"]), "--auth-proxy-header needs --trusted-proxies"),
        (
            with(&["--auth-proxy-header", "authorization", "--trusted-proxies", "::1"]),
            "it must be a header of its own",
        ),
        (with(&["--oidc-algorithms", "RS256,HS256"]), "symmetric algorithms and none are not accepted"),
        (with(&["--oidc-algorithms", "none"]), "symmetric algorithms and none are not accepted"),
        (with(&["--login-url", "javascript:alert(1)"]), "it must be a URL of the form"),
        (vec!["--login-url", "https://login.example.org"], "--login-url needs --auth oidc"),
        (vec!["--auth", "cookie", "--oidc-issuer", ISSUER], "--oidc-issuer needs --auth oidc"),
        (
            vec!["--auth", "oidc", "--oidc-issuer", "https://idp.example.org/#canary"],
            "it must be a URL of at most 255",
        ),
        (vec!["--auth", "oidc", "--oidc-jwks", empty], "it has no public key that can verify tokens"),
        (vec!["--auth", "oidc", "--oidc-jwks", "/nowhere"], "it cannot be read"),
        (
            vec!["--auth", "oidc", "--oidc-jwks", "https://u:canary@idp.example.org/keys"],
            "it must be a path, or a URL",
        ),
        (vec!["--auth", "oidc", "--oidc-jwks", "ftp://idp.example.org/keys"], "it must be a path, or a URL"),
    ];
    for (missing, _) in required {
        let rest =
            required.iter().filter(|(flag, _)| *flag != missing).flat_map(|(flag, value)| [*flag, *value]);
        cases.push((["--auth", "oidc"].into_iter().chain(rest).collect(), missing));
    }
    for (arguments, error) in cases {
        let ports =
            ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let (code, out, err) =
            crate::app::Program::run("nono", &[&ports, &arguments[..]].concat(), &[]).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(
            err.contains(error) && err.lines().count() == 1 && !err.contains("canary"),
            "{arguments:?}: {err}"
        );
    }
}
