//! Replacement of the keys of the identity provider while calls are made: no call fails.

use super::{
    claims, deployment, person,
    provider::{Provider, document, jwks},
    signer::Signer,
};
use crate::access::{Browser, Deployment, rotation::Load};
use nix::sys::signal::Signal;
use reqwest::Method;
use std::{
    fs,
    sync::{Arc, Mutex},
};

/// Starts calls of a person who gets a new token from the current signer for each of them.
fn load(deployment: &Deployment, signer: &Arc<Mutex<Arc<Signer>>>) -> Load {
    let (http, signer) = (deployment.http.clone(), signer.clone());
    Load::of(move || {
        let mut claims = claims("ann");
        claims["jti"] = uuid::Uuid::new_v4().to_string().into();
        let signer = signer.lock().unwrap().clone();
        Browser::with_token(&http, &signer.sign(&claims))
    })
}

#[tokio::test]
async fn keys_at_a_url_are_rotated_without_a_failed_call() {
    let (old, new) = (Arc::new(Signer::curve("old")), Arc::new(Signer::curve("new")));
    let provider = Provider::start(&[&old]).await;
    let mut deployment = deployment(&provider.url, &[]).await;
    person(&deployment, &old, "ann").create("a", "hello").await;
    let signer = Arc::new(Mutex::new(old.clone()));
    let load = load(&deployment, &signer);
    provider.respond(document(&[&new, &old]));
    // The gateway does not know the new key yet.
    *signer.lock().unwrap() = new.clone();
    deployment.gateway.wait_for_log("keys of the identity provider have changed").await;
    for (signer, status) in [(&new, 200), (&old, 200)] {
        let person = person(&deployment, signer, "ann");
        assert_eq!(person.status(Method::GET, "/api/session/a", None).await, status);
    }
    load.check().await;
    assert!(provider.fetches() <= 3, "{} fetches", provider.fetches());
}

#[tokio::test]
async fn keys_in_a_file_are_rotated_without_a_failed_call() {
    let (old, new) = (Arc::new(Signer::curve("old")), Arc::new(Signer::rsa("new")));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let write = |signers: &[&Signer]| {
        fs::write(folder.path().join("next"), jwks(signers).to_string()).unwrap();
        fs::rename(folder.path().join("next"), &path).unwrap();
    };
    write(&[&old]);
    let mut deployment = deployment(path.to_str().unwrap(), &[]).await;
    let ann = person(&deployment, &old, "ann");
    ann.create("a", "hello").await;
    let signer = Arc::new(Mutex::new(old.clone()));
    let load = load(&deployment, &signer);
    write(&[&old, &new]);
    deployment.gateway.signal(Signal::SIGHUP);
    deployment.gateway.wait_for_log("setting reloaded").await;
    *signer.lock().unwrap() = new.clone();
    let renewed = person(&deployment, &new, "ann");
    assert_eq!(renewed.status(Method::GET, "/api/session/a", None).await, 200);
    load.check().await;
    // A token that was verified before is worth nothing once its key is gone.
    assert_eq!(ann.status(Method::GET, "/api/session/a", None).await, 200);
    write(&[&new]);
    deployment.gateway.signal(Signal::SIGHUP);
    deployment.gateway.wait_for_log("setting reloaded").await;
    assert_eq!(ann.status(Method::GET, "/api/session/a", None).await, 401);
    assert_eq!(renewed.status(Method::GET, "/api/session/a", None).await, 200);
    fs::write(&path, "{\"keys\": [\"canary\"]}").unwrap();
    deployment.gateway.signal(Signal::SIGHUP);
    let line = deployment.gateway.wait_for_log("setting not reloaded").await;
    assert!(!line.contains("canary"), "{line}");
    assert_eq!(renewed.status(Method::GET, "/api/session/a", None).await, 200);
}
