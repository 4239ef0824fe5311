// When the open session ends, by the server's clock. Says how long is left in the last two minutes, and when it is over.

/** From here on the page warns. WCAG 2.2.1 asks for at least 20 s. */
export const WARN_MS = 120_000;
/** The server forgets a session a moment after its time; asking in that same instant would be too soon. */
const GRACE_MS = 500;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** `Date` headers carry whole seconds, so smaller differences mean nothing. */
const CLOCK_TOLERANCE_MS = 2_000;

/** The server's clock as seen from here: this machine's may be wrong. */
export function createServerClock(timers) {
  let offsetMs = 0;
  return {
    now: () => timers.now() + offsetMs,
    observe(serverMs) {
      const offset = serverMs - timers.now();
      if (Math.abs(offset - offsetMs) > CLOCK_TOLERANCE_MS) offsetMs = offset;
    },
  };
}

/** @param {{clock: object, timers: object, onLeft: (ms: number | null) => void, onOver: () => void}} deps */
export function createExpiry({ clock, timers, onLeft, onOver }) {
  let timer = null;

  function tick(endMs) {
    const left = endMs - clock.now();
    if (left <= 0) {
      onLeft(0);
      timer = timers.set(onOver, GRACE_MS);
      return;
    }
    onLeft(left <= WARN_MS ? left : null);
    // The whole second is what people see: wake exactly when it changes.
    const next = left > WARN_MS ? left - WARN_MS : left % 1000 || 1000;
    timer = timers.set(() => tick(endMs), Math.min(next, LONGEST_TIMER_MS));
  }

  return {
    /** Follows the session that ends at `expiresAt` (RFC 3339), or none. */
    follow(expiresAt) {
      timers.clear(timer);
      const endMs = Date.parse(expiresAt ?? '');
      if (Number.isNaN(endMs)) onLeft(null);
      else tick(endMs);
    },
  };
}
