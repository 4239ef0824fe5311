//! Authentication and rate limit of a call, before anything else of it is done.

use super::status;
use crate::{
    auth::{Authenticator, Caller, Credentials, Rejection},
    domain::Owner,
};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, header::AUTHORIZATION},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use runtime::{rate_limit::RateLimiter, server::PeerCertificate};
use std::sync::Arc;
use tonic::Status;

/// Header of the owner for whom the caller acts.
const NONO_OWNER: HeaderName = HeaderName::from_static("nono-owner");
/// Prefix of the paths of reflection, which concerns no sessions.
const REFLECTION_PREFIX: &str = "/grpc.reflection.";

/// Access rules of a port.
#[derive(Clone, Debug)]
pub struct Access {
    /// Authentication of callers.
    pub authenticator: Authenticator,
    /// `true` if reflection needs no credential.
    pub is_reflection_public: bool,
    /// Rate limit for each pair of a caller and an owner.
    pub rate_limiter: Option<RateLimiter<RateKey>>,
}

impl Access {
    /// Returns the rules of a service that does not authenticate its callers.
    pub fn open() -> Self {
        Self { authenticator: Authenticator::Open, is_reflection_public: true, rate_limiter: None }
    }

    /// Returns the rules for callers in this process.
    pub(super) fn trusted() -> Self {
        Self { authenticator: Authenticator::Trusted, is_reflection_public: true, rate_limiter: None }
    }
}

/// Key of a rate limit: the name of the caller and the owner.
pub type RateKey = (Option<Arc<str>>, Owner);

/// Access rules of a port, with their metrics.
#[derive(Clone, Debug)]
pub(super) struct Authentication {
    pub(super) access: Access,
    pub(super) metrics: AuthenticationMetrics,
}

/// Counters of rejected calls.
#[derive(Clone, Debug, Default)]
pub(super) struct AuthenticationMetrics {
    rejected: Family<RejectedLabels, Counter>,
    rate_limited: Family<OwnerLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectedLabels {
    reason: &'static str,
}

/// Owners are never named in metrics.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OwnerLabels {
    owner: &'static str,
}

impl AuthenticationMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "nono_auth_rejected",
            "Calls that were rejected because of their credential or owner",
            metrics.rejected.clone(),
        );
        registry.register(
            "nono_rate_limited",
            "Calls that were rejected by the rate limit, by kind of owner",
            metrics.rate_limited.clone(),
        );
        for reason in Rejection::ALL {
            drop(metrics.rejected.get_or_create(&RejectedLabels { reason: reason.as_label() }));
        }
        for owner in ["empty", "named"] {
            drop(metrics.rate_limited.get_or_create(&OwnerLabels { owner }));
        }
        metrics
    }
}

impl Authentication {
    /// Authenticates a call and puts its owner into the extensions of the request. Health checks are not passed here.
    pub(super) fn check(&self, request: &mut Request) -> Result<(), Status> {
        let is_reflection = request.uri().path().starts_with(REFLECTION_PREFIX);
        if is_reflection && self.access.is_reflection_public {
            return Ok(());
        }
        let (caller, owner) = self.authenticate(request, is_reflection).map_err(|rejection| {
            self.metrics.rejected.get_or_create(&RejectedLabels { reason: rejection.as_label() }).inc();
            status::from_rejection(rejection)
        })?;
        if let Some(limiter) = &self.access.rate_limiter {
            let key = (caller.as_ref().map(|caller| caller.name.clone()), owner.clone());
            limiter.take(&key).map_err(|wait| {
                let label = if owner == Owner::open() { "empty" } else { "named" };
                self.metrics.rate_limited.get_or_create(&OwnerLabels { owner: label }).inc();
                status::too_many_calls_of_owner(wait)
            })?;
        }
        request.extensions_mut().insert(owner);
        Ok(())
    }

    fn authenticate(
        &self,
        request: &Request,
        is_reflection: bool,
    ) -> Result<(Option<Arc<Caller>>, Owner), Rejection> {
        let authorization = values(request.headers(), &AUTHORIZATION);
        let owner = values(request.headers(), &NONO_OWNER);
        let certificate = request.extensions().get::<Arc<PeerCertificate>>();
        let credentials = Credentials {
            authorization: &authorization,
            owner: &owner,
            certificate: certificate.map(|names| (names.uris.as_slice(), names.dns_names.as_slice())),
        };
        let caller = self.access.authenticator.caller(&credentials)?;
        let owner = match self.access.authenticator.owner(caller.as_deref(), &credentials) {
            Err(Rejection::OwnerRequired) if is_reflection => Owner::open(),
            owner => owner?,
        };
        Ok((caller, owner))
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
}

/// Returns the owner whose sessions a request may access.
pub(super) fn owner_of<T>(request: &tonic::Request<T>) -> Result<Owner, Status> {
    let owner = request.extensions().get::<Owner>();
    owner.cloned().ok_or_else(|| status::internal("the call was not authenticated"))
}
