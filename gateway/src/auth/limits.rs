//! Rate limits of owners and of client addresses.

use super::proxies::Client;
use crate::caller::Owner;
use runtime::rate_limit::{Rate, RateLimiter};
use std::{net::IpAddr, num::NonZeroU32, time::Duration};

/// Rate of a client address as a multiple of that of an owner: several people may share an address.
const ADDRESS_FACTOR: NonZeroU32 = NonZeroU32::new(4).expect("it is not zero");

/// Rate limits of clients. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct ClientLimits {
    owners: RateLimiter<Owner>,
    addresses: RateLimiter<IpAddr>,
}

impl ClientLimits {
    /// Creates the limits of owners at this rate, and of addresses at four times the rate unless there is one for them.
    pub(crate) fn new(rate: Rate, burst: Option<NonZeroU32>, address_rate: Option<Rate>) -> Self {
        let address_burst = burst.map(|burst| burst.saturating_mul(ADDRESS_FACTOR));
        let address_rate = address_rate.unwrap_or_else(|| rate.times(ADDRESS_FACTOR));
        Self {
            owners: RateLimiter::new(rate, burst),
            addresses: RateLimiter::new(address_rate, address_burst),
        }
    }

    /// Takes a request from the bucket of a client's address. Returns the time until there is one if the bucket is empty.
    pub(crate) fn take_address(&self, client: &Client) -> Result<(), Duration> {
        self.addresses.take(&client.network())
    }

    /// Takes a request from the bucket of an owner. The open owner, which all clients share, has none.
    pub(crate) fn take_owner(&self, owner: &Owner) -> Result<(), Duration> {
        if owner.is_open() { Ok(()) } else { self.owners.take(owner) }
    }
}
