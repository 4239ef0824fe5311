// The expiry of the open session, by the server's clock: reports the remaining time in its last two minutes, and the end.
// @ts-check

/** Remaining time from which the page warns. WCAG 2.2.1 requires at least 20 s. */
export const WARNING_MS = 120_000;
/** Delay after the expiry, because the server removes a session slightly late. */
const GRACE_MS = 500;
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Smaller differences are ignored, because `Date` headers have whole seconds. */
const CLOCK_TOLERANCE_MS = 2_000;

/**
 * Creates an estimate of the server's clock, because this machine's may be wrong.
 *
 * @returns {ServerClock}
 */
export function createServerClock(/** @type {Timers} */ timers) {
  let offsetMs = 0;
  return {
    now: () => timers.now() + offsetMs,
    observe(serverMs) {
      const offset = serverMs - timers.now();
      if (Math.abs(offset - offsetMs) > CLOCK_TOLERANCE_MS) offsetMs = offset;
    },
  };
}

/** @param {ExpiryDeps} deps */
export function createExpiryTimer({ clock, timers, onRemaining, onExpired }) {
  /** @type {unknown} */
  let timer = null;

  function tick(/** @type {number} */ endMs) {
    const remaining = endMs - clock.now();
    if (remaining <= 0) {
      onRemaining(0);
      timer = timers.set(onExpired, GRACE_MS);
      return;
    }
    onRemaining(remaining <= WARNING_MS ? remaining : null);
    // The page shows whole seconds, so the next tick is when the second changes.
    const next = remaining > WARNING_MS ? remaining - WARNING_MS : remaining % 1000 || 1000;
    timer = timers.set(() => tick(endMs), Math.min(next, MAX_TIMER_MS));
  }

  return {
    /** Starts the countdown to `expiresAt` (RFC 3339), or stops it if that is null. */
    start(/** @type {string | null} */ expiresAt) {
      timers.clear(timer);
      const endMs = Date.parse(expiresAt ?? '');
      if (Number.isNaN(endMs)) onRemaining(null);
      else tick(endMs);
    },
  };
}
