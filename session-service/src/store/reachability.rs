//! Log of the store's reachability: a line per change, not per call. The first line of an outage has its reason.

use super::{StoreError, Unreachable};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Time without a failure after which the store counts as reachable again. In a cluster, some nodes may be unreachable
/// while others respond.
const QUIET_TIME: Duration = Duration::from_millis(900);

/// Log of the store's reachability.
#[derive(Debug, Default)]
pub(super) struct ReachabilityLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    was_reached: bool,
    outage: Option<Outage>,
}

#[derive(Debug)]
struct Outage {
    code: &'static str,
    since: Instant,
    last_failure: Instant,
}

impl ReachabilityLog {
    /// Records an error of a call. The first one of an outage is logged.
    pub(super) fn record_error(&self, error: &StoreError) {
        if let Some(reason) = error.unreachable() {
            self.record(reason, false);
        }
    }

    /// Records the result of a check of the store. A new reason and the end of an outage are logged.
    pub(super) fn record_check(&self, error: Option<&StoreError>) {
        match error {
            Some(StoreError::Unavailable(cause)) => match cause.downcast_ref::<Unreachable>() {
                Some(reason) => self.record(reason, true),
                None => self.record(&unknown(cause.to_string()), true),
            },
            _ => self.record_success(),
        }
    }

    fn record(&self, reason: &Unreachable, is_check: bool) {
        let (mut state, now) = (self.state(), Instant::now());
        let is_news = match &mut state.outage {
            Some(outage) => {
                outage.last_failure = now;
                is_check && std::mem::replace(&mut outage.code, reason.code) != reason.code
            }
            None => {
                state.outage = Some(Outage { code: reason.code, since: now, last_failure: now });
                true
            }
        };
        drop(state);
        if is_news {
            let Unreachable { code, reason, advice } = reason;
            tracing::warn!(reason = code, cause = %reason, advice, "store unreachable");
        }
    }

    fn record_success(&self) {
        let mut state = self.state();
        let is_return = std::mem::replace(&mut state.was_reached, true);
        let is_over = |outage: &mut Outage| !is_return || outage.last_failure.elapsed() > QUIET_TIME;
        let ended = state.outage.take_if(is_over);
        drop(state);
        if let Some(outage) = ended.filter(|_| is_return) {
            let seconds = outage.since.elapsed().as_secs_f64();
            tracing::info!(outage_seconds = (seconds * 10.0).round() / 10.0, "store reachable again");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(reason: String) -> Unreachable {
    Unreachable { code: "unavailable", reason, advice: "see the log of the store" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable(code: &'static str) -> StoreError {
        StoreError::Unavailable(Box::new(Unreachable { code, reason: "h:1 ...".into(), advice: "none" }))
    }

    fn code(log: &ReachabilityLog) -> Option<&'static str> {
        log.state().outage.as_ref().map(|outage| outage.code)
    }

    #[test]
    fn calls_begin_an_outage_and_checks_change_and_end_it() {
        let log = ReachabilityLog::default();
        log.record_check(None);
        log.record_error(&StoreError::Unavailable("0 of 1 replicas acknowledged".into()));
        assert_eq!(code(&log), None, "an error of one call is no outage");
        log.record_error(&unreachable("closed"));
        log.record_error(&unreachable("timeout"));
        assert_eq!(code(&log), Some("closed"));
        log.record_check(Some(&unreachable("refused")));
        assert_eq!(code(&log), Some("refused"));
        log.record_check(None);
        assert_eq!(code(&log), Some("refused"), "other calls failed just now");
        let mut state = log.state();
        let outage = state.outage.as_mut().unwrap();
        outage.last_failure -= QUIET_TIME;
        drop(state);
        log.record_check(None);
        assert_eq!(code(&log), None);
    }

    #[test]
    fn the_first_success_ends_the_wait_for_the_store() {
        let log = ReachabilityLog::default();
        log.record_check(Some(&StoreError::Unavailable("no response".into())));
        assert_eq!(code(&log), Some("unavailable"));
        log.record_check(None);
        assert_eq!(code(&log), None);
    }
}
