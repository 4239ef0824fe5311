//! Credentials of the API, for the OpenAPI document. Which of them a server accepts depends on its setting `--auth`.

use crate::auth::{NAME, SECURE_NAME};
use utoipa::{
    Modify,
    openapi::{
        Components, OpenApi,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

/// Names of the security schemes.
const COOKIE: &str = "cookie";
const SECURE_COOKIE: &str = "secureCookie";
const TOKEN: &str = "token";

/// Adds the security schemes, any one of which is enough. A server without authentication needs none.
pub(super) struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme(
            COOKIE,
            cookie(NAME, "Cookie of a browser, which the page sets (`--auth cookie`)"),
        );
        components.add_security_scheme(SECURE_COOKIE, cookie(SECURE_NAME, "The same over TLS"));
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("Token of an identity provider (`--auth oidc`)"));
        components.add_security_scheme(TOKEN, SecurityScheme::Http(token.build()));
        let alternatives = [COOKIE, SECURE_COOKIE, TOKEN].map(|name| SecurityRequirement::new(name, [""; 0]));
        document.security = Some([SecurityRequirement::default()].into_iter().chain(alternatives).collect());
    }
}

fn cookie(name: &str, description: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, description)))
}

/// Declares that the operation at a path needs no credential.
pub(super) fn without_credential(document: &mut OpenApi, path: &str) {
    if let Some(operation) = document.paths.paths.get_mut(path).and_then(|item| item.get.as_mut()) {
        operation.security = Some(Vec::new());
    }
}
