// The event stream of the open session: one connection while the page is visible, which resumes at the cursor of its last event.
// @ts-check

import { ApiError } from './api-error.js';
import { delayMs, HEARTBEAT_MS } from './retry.js';

/** Time after which the stream of a hidden page is closed. Browsers allow six connections to a server that has no HTTP/2. */
const HIDDEN_MS = 30_000;
/** Age from which a stream that breaks does not count as another failed attempt. */
const STABLE_MS = 5_000;

/**
 * `onEvent` returns false if the stream must begin again without a cursor. `onFailure` receives the number of attempts in a row
 * that failed.
 *
 * @param {LiveDeps} deps
 * @returns {Live}
 */
export function createLive({ api, store, timers, random = Math.random, onEvent, onFailure }) {
  let isHidden = false;
  /** @type {unknown} */
  let hiddenTimer = null;
  /** @type {{session: Session, abort: AbortController} | null} */
  let connection = null;
  /** @type {string | null} */
  let cursor = null;
  let cursorOf = '';

  function close() {
    connection?.abort.abort();
    connection = null;
    store.set({ live: 'off' });
  }

  function connect(/** @type {Session} */ session) {
    if (session.sessionId !== cursorOf) cursor = null;
    cursorOf = session.sessionId;
    connection = { session, abort: new AbortController() };
    store.set({ live: 'connecting' });
    void follow(session, connection.abort.signal);
  }

  /** Opens or closes the stream, as the state requires. */
  function update() {
    const { view, session, signedOut } = store.state;
    // A conversation that is loaded again begins without a cursor.
    if (view !== 'open') cursor = null;
    const target = view === 'open' && !signedOut && !isHidden ? session : null;
    if (target?.sessionId === connection?.session.sessionId && target?.userId === connection?.session.userId) return;
    if (connection) close();
    if (target) connect(target);
  }

  /** Reads the stream until it is not needed any more, and connects again whenever it breaks. */
  async function follow(/** @type {Session} */ session, /** @type {AbortSignal} */ signal) {
    for (let attempt = 0; ; ) {
      const { problem, ageMs } = await read(session, signal);
      if (!problem || signal.aborted) return;
      attempt = ageMs < STABLE_MS ? attempt + 1 : 1;
      // A cursor that the service does not accept would be rejected again.
      if (problem.kind === 'invalid') cursor = null;
      store.set({ live: 'off' });
      onFailure(problem, attempt);
      if (signal.aborted) return;
      const isOffline = problem.kind === 'unreachable' && !store.state.online;
      await pause(isOffline ? HEARTBEAT_MS : delayMs(attempt, problem.retryAfterMs, random), signal);
      if (signal.aborted) return;
      store.set({ live: 'connecting' });
    }
  }

  /** Reads one stream. Returns the reason for its end, and the time since its first event. */
  async function read(/** @type {Session} */ { userId }, /** @type {AbortSignal} */ signal) {
    const isResumed = cursor !== null;
    let beganMs = NaN;
    /** @type {ApiError | null} */
    let problem = null;
    try {
      for await (const event of api.watchSession(userId, cursor, signal)) {
        if (signal.aborted) break;
        if (Number.isNaN(beganMs)) beganMs = timers.now();
        cursor = event.cursor || cursor;
        store.set({ live: 'on' });
        if (onEvent(event, isResumed) || signal.aborted) continue;
        cursor = null;
        problem = new ApiError({ detail: 'bytes of the reply are missing' });
        break;
      }
    } catch (error) {
      problem = error;
    }
    return { problem, ageMs: timers.now() - beganMs || 0 };
  }

  /** Waits for `ms`, or until `signal` aborts. */
  function pause(/** @type {number} */ ms, /** @type {AbortSignal} */ signal) {
    return new Promise((resolve) => {
      const timer = timers.set(() => resolve(undefined), ms);
      signal.addEventListener('abort', () => {
        timers.clear(timer);
        resolve(undefined);
      });
    });
  }

  /** Reads a new snapshot. */
  function refresh() {
    if (!connection) return;
    const { session } = connection;
    close();
    connect(session);
  }

  return {
    /** Watches the session that is open from now on. */
    start: () => void store.watch(['view', 'session', 'signedOut'], update),

    /** Closes the stream of a page that stays hidden, and opens it when the page is visible again. */
    setVisible(isVisible) {
      timers.clear(hiddenTimer);
      if (isVisible) {
        isHidden = false;
        update();
      } else {
        hiddenTimer = timers.set(() => {
          isHidden = true;
          update();
        }, HIDDEN_MS);
      }
    },

    refresh,

    /** Connects without a delay, if the stream waits for its next attempt. */
    retryNow() {
      if (store.state.live === 'off') refresh();
    },
  };
}
