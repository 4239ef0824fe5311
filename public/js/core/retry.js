// Trying again: how long to wait after a refusal, and one place that says who waits until when. Knows no call by name.

/** Attempts before a task is given up. Waiting for the network to come back does not count. */
export const ATTEMPTS = 6;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const LONGEST_JITTER_MS = 5_000;
/** A reply that is being written is waited for longer than a service in trouble, and asked after more often. */
const TURN_PATIENCE_MS = 5 * 60_000;
const LONGEST_TURN_WAIT_MS = 5_000;

/** Never sooner than the server asked for; a random part on top, so that many pages do not return at the same instant. */
export function delayMs(attempt, retryAfterMs, random) {
  const base = retryAfterMs ?? Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return Math.round(base + Math.min(base / 4, LONGEST_JITTER_MS) * random());
}

/** The wait after `error`, the `attempt`th in a row. */
function waitFor(error, attempt, random) {
  if (!isTurn(error)) return delayMs(attempt, error.retryAfterMs, random);
  const growing = Math.min(LONGEST_TURN_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return delayMs(1, Math.max(growing, error.retryAfterMs ?? 0), random);
}

const isTurn = (error) => error.reason === 'TURN_IN_PROGRESS';

/**
 * @param {{timers: object, random?: () => number, isOnline?: () => boolean, onWaiting: (waiting: object | null) => void}} deps
 */
export function createPatience({ timers, random = Math.random, isOnline = () => true, onWaiting }) {
  const waits = new Set();

  function publish() {
    const soonest = [...waits].filter((wait) => wait.shared).sort((a, b) => a.until - b.until)[0];
    onWaiting(soonest ? { kind: soonest.kind, reason: soonest.reason, until: soonest.until } : null);
  }

  /** Ends when the time is up, when somebody wakes us, or with an error when `signal` aborts. */
  function pause(error, ms, signal, onWait) {
    return new Promise((resolve, reject) => {
      const wait = { kind: error.kind, reason: error.reason, until: timers.now() + ms, shared: !onWait, wake: () => end(resolve) };
      const stop = () => end(() => reject(signal.reason));
      const timer = Number.isFinite(ms) ? timers.set(wait.wake, ms) : null;
      function end(settle) {
        timers.clear(timer);
        signal?.removeEventListener('abort', stop);
        waits.delete(wait);
        if (onWait) onWait(null);
        else publish();
        settle();
      }
      signal?.addEventListener('abort', stop);
      waits.add(wait);
      if (onWait) onWait({ kind: wait.kind, reason: wait.reason, until: wait.until });
      else publish();
    });
  }

  return {
    /** Runs `task` until it succeeds, fails for good, or its attempts are used up. With `onWait` the caller shows the wait itself. */
    async run(task, { signal, onWait } = {}) {
      const began = timers.now();
      const isUsedUp = (error, attempt) => (isTurn(error) ? timers.now() - began >= TURN_PATIENCE_MS : attempt >= ATTEMPTS);
      for (let attempt = 1; ; attempt += 1) {
        signal?.throwIfAborted();
        try {
          return await task();
        } catch (error) {
          if (!error.retryable || signal?.aborted) throw error;
          const offline = error.kind === 'unreachable' && !isOnline();
          if (offline) attempt -= 1;
          else if (isUsedUp(error, attempt)) throw error;
          await pause(error, offline ? Infinity : waitFor(error, attempt, random), signal, onWait);
        }
      }
    },

    /** Whoever waits tries now. */
    wake() {
      for (const wait of [...waits]) wait.wake();
    },
  };
}
