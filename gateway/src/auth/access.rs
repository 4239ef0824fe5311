//! The access rules of the HTTP port: the owner of each request, and the rate of requests.

use super::{
    cookie::Cookies,
    limits::ClientLimits,
    metrics::{ADDRESS, AccessMetrics, EXPIRED_CREDENTIAL, INVALID_CREDENTIAL, NO_CREDENTIAL, OWNER},
    oidc::{Oidc, Unidentified},
    proxies::{Client, TrustedProxies},
};
use crate::{
    caller::{Caller, Owner},
    error::{Problem, Scheme},
};
use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE},
    },
    response::Response,
};
use runtime::context::RequestContext;
use std::time::Duration;

/// Prefix of the paths that need a credential.
const API_PREFIX: &str = "/api/";

/// Access rules of the HTTP port. Clones share keys and limits.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) kind: Kind,
    pub(crate) proxies: TrustedProxies,
    pub(crate) limits: Option<ClientLimits>,
    pub(crate) metrics: AccessMetrics,
}

/// Kind of authentication.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// All clients have the same owner, the open one.
    None,
    /// Each browser has an owner of its own.
    Cookie(Cookies),
    /// Each person has an owner, known by an identity provider.
    Oidc(Oidc),
}

impl Access {
    /// Authenticates a request of the API, and gives it its caller. Other requests, such as those for the page and health
    /// checks, need no credential and have no caller.
    pub(crate) async fn check(&self, request: &mut Request) -> Result<Client, Problem> {
        let client = self.proxies.client(request.headers(), request.extensions());
        if !request.uri().path().starts_with(API_PREFIX) {
            return Ok(client);
        }
        if let Some(limits) = &self.limits {
            limits.take_address(&client).map_err(|wait| self.rate_limited(ADDRESS, wait))?;
        }
        let owner = self.owner(request.headers(), client).await?;
        if let Some(limits) = &self.limits {
            limits.take_owner(&owner).map_err(|wait| self.rate_limited(OWNER, wait))?;
        }
        let context = request.extensions().get::<RequestContext>().cloned();
        let context = context.ok_or_else(|| Problem::internal("a request without ids"))?;
        request.extensions_mut().insert(Caller { context, owner });
        Ok(client)
    }

    async fn owner(&self, headers: &HeaderMap, client: Client) -> Result<Owner, Problem> {
        match &self.kind {
            Kind::None => Ok(Owner::open()),
            Kind::Cookie(cookies) => cookies
                .owner(headers, client.is_secure)
                .ok_or_else(|| self.without_cookie(Cookies::is_present(headers, client.is_secure))),
            Kind::Oidc(oidc) => {
                oidc.owner(headers, client).await.map_err(|reason| self.unidentified(oidc, reason))
            }
        }
    }

    fn without_cookie(&self, is_present: bool) -> Problem {
        if is_present {
            self.metrics.reject(INVALID_CREDENTIAL);
            return Problem::unauthenticated(
                Scheme::Cookie,
                "the cookie of this browser is not valid: reload the page",
            );
        }
        self.metrics.reject(NO_CREDENTIAL);
        let detail =
            "the request has no cookie: load the page of this server once, and send the cookie that it sets";
        Problem::unauthenticated(Scheme::Cookie, detail)
    }

    fn unidentified(&self, oidc: &Oidc, reason: Unidentified) -> Problem {
        let (label, scheme, detail) = match reason {
            Unidentified::NoKeys => return Problem::no_keys(),
            Unidentified::NoCredential => (
                NO_CREDENTIAL,
                Scheme::Bearer { is_token_invalid: false },
                "the request has no credential: sign in, and send the token in the header authorization",
            ),
            Unidentified::Invalid(detail) => {
                (INVALID_CREDENTIAL, Scheme::Bearer { is_token_invalid: true }, detail)
            }
            Unidentified::Expired => (
                EXPIRED_CREDENTIAL,
                Scheme::Bearer { is_token_invalid: true },
                "the token has expired: sign in again, or refresh it",
            ),
        };
        self.metrics.reject(label);
        Problem::unauthenticated(scheme, detail).with_login_url(oidc.login_url())
    }

    fn rate_limited(&self, by: &'static str, wait: Duration) -> Problem {
        self.metrics.limit(by);
        Problem::rate_limited(wait)
    }

    /// Gives the browser that requested a page its cookie.
    pub(crate) fn set_cookie(&self, response: &mut Response, cookie: Option<HeaderValue>) {
        if let Some(cookie) = cookie.filter(|_| is_page(response)) {
            let headers = response.headers_mut();
            headers.append(SET_COOKIE, cookie);
            // A shared cache must not give the cookie to other browsers.
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        }
    }

    /// Returns the cookie for a browser that requests a page.
    pub(crate) fn cookie(&self, request: &Request, client: &Client) -> Option<HeaderValue> {
        let Kind::Cookie(cookies) = &self.kind else { return None };
        let is_api = request.uri().path().starts_with(API_PREFIX);
        (!is_api && request.method().is_safe()).then(|| cookies.renew(request.headers(), client.is_secure))
    }
}

/// Returns `true` if the response is an HTML page, or tells that the browser has the current one.
fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED)
        && kind.is_some_and(|kind| kind.starts_with(b"text/html"))
}
