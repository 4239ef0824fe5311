//! Authentication over HTTP by an identity provider.

mod provider;
mod proxies;
mod refresh;
mod rotation;
mod rsa_key;
mod secrets;
mod signer;
mod table;
mod tls;

use super::{Browser, Deployment};
use provider::{AUDIENCE, ISSUER, claims};
use signer::Signer;

/// Flags of a gateway that accepts tokens of the identity provider.
fn flags(jwks: &str) -> [&str; 8] {
    ["--auth", "oidc", "--oidc-issuer", ISSUER, "--oidc-audience", AUDIENCE, "--oidc-jwks", jwks]
}

/// Starts a service and a gateway that accepts tokens.
async fn deployment(jwks: &str, further: &[&str]) -> Deployment {
    Deployment::with_auth(tempfile::tempdir().unwrap(), &[&flags(jwks), further].concat()).await
}

/// Returns a client with a token for a subject.
fn person(deployment: &Deployment, signer: &Signer, subject: &str) -> Browser {
    Browser::with_token(&deployment.http, &signer.sign(&claims(subject)))
}
