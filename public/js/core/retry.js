// Retries failed calls until they succeed, and publishes the current wait. After some attempts with exponential backoff and jitter,
// a call is retried at a slow heartbeat, and at once when there is a sign that it may succeed.
// @ts-check

/** Attempts per call before the heartbeat. Attempts made while offline do not count. */
export const MAX_ATTEMPTS = 6;
export const HEARTBEAT_MS = 60_000;
/** Duration of a pause of the heartbeat during which another call succeeds: a call can fail while others succeed. */
const MIN_PAUSE_MS = 5_000;
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
const MAX_JITTER_MS = 5_000;
/** Time before the heartbeat of calls that are rejected because a turn is in progress, which has no number of attempts. */
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
  /** @type {Set<Pause>} */
  const pauses = new Set();

  /** Returns the wait as it is shown. While the browser is offline, the time of the next attempt is unknown. */
  const visible = (/** @type {Wait} */ wait) =>
    isOnline() ? wait : /** @type {Wait} */ ({ kind: 'offline', reason: '', until: Infinity });

  function publish() {
    const shared = [...pauses].filter(({ onOwnWait }) => !onOwnWait).sort((a, b) => a.wait.until - b.wait.until);
    onWaitChange(shared[0] ? visible(shared[0].wait) : null);
  }

  /**
   * Waits for `ms`, until it is ended early, or until `signal` aborts, which is an error.
   *
   * @param {ApiError} error
   * @param {number} ms
   * @param {boolean} isStalled true after the attempts with growing delays
   * @param {AbortSignal} [signal]
   * @param {WaitListener} [onOwnWait]
   * @returns {Promise<void>}
   */
  function pause({ kind, reason }, ms, isStalled, signal, onOwnWait) {
    return new Promise((resolve, reject) => {
      const startedMs = timers.now();
      /** @type {unknown} */
      let timer = null;
      /** @type {Pause} */
      const pause = {
        wait: { kind, reason, until: Infinity },
        startedMs,
        isStalled,
        onOwnWait,
        end: () => finish(resolve),
        endAt,
      };
      const abort = () => finish(() => reject(signal?.reason));
      function endAt(/** @type {number} */ until) {
        timers.clear(timer);
        timer = Number.isFinite(until) ? timers.set(pause.end, until - timers.now()) : null;
        pause.wait = { kind, reason, until };
        if (onOwnWait) onOwnWait(visible(pause.wait));
        else publish();
      }
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
      endAt(startedMs + ms);
    });
  }

  /** Ends the pauses of the heartbeat, each after it has lasted for `minMs`. */
  function wake(minMs = 0) {
    for (const { wait, isStalled, startedMs, end, endAt } of [...pauses]) {
      const until = startedMs + minMs;
      if (!isStalled || until >= wait.until) continue;
      if (until <= timers.now()) end();
      else endAt(until);
    }
  }

  return {
    /**
     * Runs `call` until it succeeds or fails permanently. With an `onWaitChange` of its own, the wait is reported to the caller only.
     * With `untilSignedIn`, a call that is rejected with 401 waits until `retryNow` is called. With `isBounded`, the error is thrown
     * after the attempts with growing delays, for a task that has a result to show.
     */
    async run(call, { signal, onWaitChange: onOwnWait, untilSignedIn = false, isBounded = false } = {}) {
      const startedMs = timers.now();
      const isExhausted = (/** @type {ApiError} */ error, /** @type {number} */ attempt) =>
        isTurnInProgress(error) ? timers.now() - startedMs >= TURN_TIMEOUT_MS : attempt >= MAX_ATTEMPTS;
      for (let attempt = 1; ; attempt += 1) {
        signal?.throwIfAborted();
        try {
          return await call();
        } catch (error) {
          const isSignedOut = untilSignedIn && error.kind === 'unauthenticated';
          if (!(error.retryable || isSignedOut) || signal?.aborted) throw error;
          const isOffline = error.kind === 'unreachable' && !isOnline();
          const isStalled = isOffline || isExhausted(error, attempt);
          if (isSignedOut || isOffline) attempt -= 1;
          else if (isStalled && isBounded) throw error;
          const delay = isStalled ? delayMs(1, Math.max(HEARTBEAT_MS, error.retryAfterMs ?? 0), random) : null;
          await pause(
            error,
            isSignedOut ? Infinity : (delay ?? backoffMs(error, attempt, random)),
            isStalled,
            signal,
            onOwnWait,
          );
        }
      }
    },

    /** Ends all waits, so that every pending call is retried now. */
    retryNow() {
      for (const { end } of [...pauses]) end();
    },

    /** Retries the calls of the heartbeat now, because the user has returned to the page. */
    onReturn: () => wake(),

    /** Retries the calls of the heartbeat, because another call has succeeded. */
    onSuccess: () => wake(MIN_PAUSE_MS),

    /** Publishes the waits again after the connection was lost. */
    onOffline() {
      for (const { wait, onOwnWait } of pauses) onOwnWait?.(visible(wait));
      publish();
    },
  };
}
