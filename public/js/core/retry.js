// Retries failed calls with exponential backoff and jitter, and publishes the current wait.
// @ts-check

/** Attempts per call. Attempts made while offline do not count. */
export const MAX_ATTEMPTS = 6;
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
const MAX_JITTER_MS = 5_000;
/** Calls that are rejected because a turn is in progress are retried for this time, rather than up to a number of attempts. */
const TURN_TIMEOUT_MS = 5 * 60_000;
const MAX_TURN_BACKOFF_MS = 5_000;

/**
 * Returns the delay before a retry: never less than the server requests, plus jitter so that clients do not return at once.
 *
 * @param {number} attempt the number of failed attempts
 * @param {number | null} retryAfterMs
 * @param {() => number} random
 */
export function delayMs(attempt, retryAfterMs, random) {
  const base = retryAfterMs ?? Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1));
  return Math.round(base + Math.min(base / 4, MAX_JITTER_MS) * random());
}

/**
 * @param {ApiError} error
 * @param {number} attempt
 * @param {() => number} random
 */
function backoffMs(error, attempt, random) {
  if (!isTurnInProgress(error)) return delayMs(attempt, error.retryAfterMs, random);
  const growing = Math.min(MAX_TURN_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1));
  return delayMs(1, Math.max(growing, error.retryAfterMs ?? 0), random);
}

const isTurnInProgress = (/** @type {ApiError} */ error) => error.reason === 'TURN_IN_PROGRESS';

/** @param {RetrierDeps} deps @returns {Retrier} */
export function createRetrier({ timers, random = Math.random, isOnline = () => true, onWaitChange }) {
  /** @type {Set<{wait: Wait, isShared: boolean, end: () => void}>} */
  const pauses = new Set();

  function publish() {
    const shared = [...pauses].filter(({ isShared }) => isShared).map(({ wait }) => wait);
    onWaitChange(shared.sort((a, b) => a.until - b.until)[0] ?? null);
  }

  /**
   * Waits for `ms`, until `retryNow` is called, or until `signal` aborts, which is an error.
   *
   * @param {ApiError} error
   * @param {number} ms
   * @param {AbortSignal} [signal]
   * @param {WaitListener} [onOwnWait]
   * @returns {Promise<void>}
   */
  function pause({ kind, reason }, ms, signal, onOwnWait) {
    return new Promise((resolve, reject) => {
      const pause = {
        wait: { kind, reason, until: timers.now() + ms },
        isShared: !onOwnWait,
        end: () => finish(resolve),
      };
      const abort = () => finish(() => reject(signal?.reason));
      const timer = Number.isFinite(ms) ? timers.set(pause.end, ms) : null;
      function finish(/** @type {() => void} */ settle) {
        timers.clear(timer);
        signal?.removeEventListener('abort', abort);
        pauses.delete(pause);
        if (onOwnWait) onOwnWait(null);
        else publish();
        settle();
      }
      signal?.addEventListener('abort', abort);
      pauses.add(pause);
      if (onOwnWait) onOwnWait(pause.wait);
      else publish();
    });
  }

  return {
    /**
     * Runs `call` until it succeeds, fails permanently or exhausts its attempts. With an `onWaitChange` of its own, the wait is
     * reported to the caller only. With `untilSignedIn`, a call that is rejected with 401 waits until `retryNow` is called.
     */
    async run(call, { signal, onWaitChange: onOwnWait, untilSignedIn = false } = {}) {
      const startedMs = timers.now();
      const isExhausted = (/** @type {ApiError} */ error, /** @type {number} */ attempt) =>
        isTurnInProgress(error) ? timers.now() - startedMs >= TURN_TIMEOUT_MS : attempt >= MAX_ATTEMPTS;
      for (let attempt = 1; ; attempt += 1) {
        signal?.throwIfAborted();
        try {
          return await call();
        } catch (error) {
          const signedOut = untilSignedIn && error.kind === 'unauthenticated';
          if (!(error.retryable || signedOut) || signal?.aborted) throw error;
          const blocked = signedOut || (error.kind === 'unreachable' && !isOnline());
          if (blocked) attempt -= 1;
          else if (isExhausted(error, attempt)) throw error;
          await pause(error, blocked ? Infinity : backoffMs(error, attempt, random), signal, onOwnWait);
        }
      }
    },

    /** Ends all waits, so that every pending call is retried now. */
    retryNow() {
      for (const { end } of [...pauses]) end();
    },
  };
}
