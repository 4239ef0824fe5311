// All sessions at once: exports them into one file, or deletes them after a time for undo. Loaded when it is first needed.
// @ts-check

import { UNDO_MS } from './deletions.js';
import { createStore } from './store.js';

/** Page size of the listing: the maximum of the service. */
const PAGE_SIZE = 1_000;
/** Number of concurrent calls. */
const PARALLEL_CALLS = 4;

/** @type {DataState} */
const IDLE = { phase: 'idle', done: 0, total: 0, failed: 0, until: 0, problem: null, wait: null, file: null };

/** @param {SessionDataDeps} deps */
export function createSessionData({ api, retrier, timers, clock, onDeleted }) {
  const store = createStore(IDLE);
  let task = new AbortController();
  /** @type {unknown} */
  let undoTimer = null;
  /** @type {Session[]} the sessions of the task */
  let sessions = [];
  /** @type {Map<string, Blob | null>} user id to export, or null if the session has ended in the meantime */
  let exports = new Map();

  /** Ends the previous task and starts the next one. */
  function begin(/** @type {Partial<DataState>} */ state) {
    task.abort();
    timers.clear(undoTimer);
    task = new AbortController();
    store.set({ ...IDLE, ...state });
    return task.signal;
  }

  /** Runs a task. An error that ends it as a whole is shown. */
  async function run(
    /** @type {Partial<DataState>} */ state,
    /** @type {(signal: AbortSignal) => Promise<void>} */ steps,
  ) {
    const signal = begin(state);
    try {
      await steps(signal);
    } catch (problem) {
      if (!signal.aborted) store.set({ phase: 'failed', problem, wait: null });
    }
  }

  const onWaitChange = (/** @type {Wait | null} */ wait) => store.set({ wait });

  async function listAll(/** @type {AbortSignal} */ signal) {
    /** @type {Session[]} */
    const all = [];
    /** @type {string | null} */
    let pageToken = null;
    do {
      /** @type {{pageSize: number, pageToken: string | null}} */
      const range = { pageSize: PAGE_SIZE, pageToken };
      /** @type {SessionPage} */
      const page = await retrier.run(() => api.listSessions(range, signal), { signal, onWaitChange });
      all.push(...page.sessions);
      pageToken = page.nextToken;
    } while (pageToken);
    signal.throwIfAborted();
    return all;
  }

  /**
   * Makes a call for each session, a few at a time, and counts them. Returns the errors of those that failed after all retries.
   * Without access, the remaining calls are not made.
   *
   * @param {Session[]} pending
   * @param {(session: Session) => Promise<unknown>} call
   * @param {AbortSignal} signal
   */
  async function callForEach(pending, call, signal) {
    /** @type {{session: Session, problem: ApiError}[]} */
    const failures = [];
    const waits = createWaits(onWaitChange);
    const queue = pending.values();
    async function work(/** @type {unknown} */ _, /** @type {number} */ worker) {
      for (const session of queue) {
        const denied = failures.find(({ problem }) => problem.kind === 'unauthenticated');
        try {
          if (denied) throw denied.problem;
          const options = {
            signal,
            onWaitChange: (/** @type {Wait | null} */ wait) => waits.set(worker, wait),
            isBounded: true,
          };
          await retrier.run(() => call(session), options);
        } catch (problem) {
          signal.throwIfAborted();
          failures.push({ session, problem });
        }
        signal.throwIfAborted();
        store.set({ done: store.state.done + 1 });
      }
    }
    await Promise.all(Array.from({ length: PARALLEL_CALLS }, work));
    return failures;
  }

  /** Exports the sessions of the task that are not exported yet. */
  async function exportMissing(/** @type {AbortSignal} */ signal) {
    const missing = sessions.filter(({ userId }) => !exports.has(userId));
    store.set({ phase: 'exporting', done: sessions.length - missing.length, total: sessions.length });
    const failures = await callForEach(missing, (session) => exportOne(session, signal), signal);
    const parts = sessions.flatMap(({ userId }) => exports.get(userId) ?? []);
    store.set({
      phase: failures.length > 0 ? 'incomplete' : 'exported',
      failed: failures.length,
      problem: failures[0]?.problem ?? null,
      file: { name: fileName(clock.now()), sessions: parts.length, content: joinExports(parts, clock.now()) },
    });
  }

  async function exportOne(/** @type {Session} */ { userId }, /** @type {AbortSignal} */ signal) {
    const found = await api.exportSession(userId, signal).catch(unlessGone);
    exports.set(userId, found);
  }

  async function deleteOne(/** @type {Session} */ session) {
    await api.deleteSession(session.userId).catch(unlessGone);
    onDeleted(session);
  }

  const deleteNow = () =>
    run({ phase: 'deleting', total: sessions.length }, async (signal) => {
      const failures = await callForEach(sessions, deleteOne, signal);
      sessions = failures.map(({ session }) => session);
      const problem = failures[0]?.problem ?? null;
      store.set({ phase: problem ? 'undeleted' : 'deleted', failed: failures.length, problem });
    });

  return {
    store,

    /** Exports all sessions. */
    exportAll: () =>
      run({ phase: 'listing' }, async (signal) => {
        exports = new Map();
        sessions = await listAll(signal);
        await exportMissing(signal);
      }),

    /** Exports those that failed, and keeps the others. */
    retryExport: () => run({ phase: 'exporting' }, exportMissing),

    /** Lists the sessions to delete, and asks for a confirmation. */
    requestDeletion: () =>
      run({ phase: 'listing' }, async (signal) => {
        sessions = await listAll(signal);
        store.set(sessions.length > 0 ? { phase: 'confirming', total: sessions.length } : IDLE);
      }),

    /** Starts the time for undo. */
    confirmDeletion() {
      begin({ phase: 'pending', total: sessions.length, until: timers.now() + UNDO_MS });
      undoTimer = timers.set(() => void deleteNow(), UNDO_MS);
    },

    undoDeletion: () => void begin({ phase: 'kept' }),

    /** Deletes those that failed. They were confirmed before. */
    retryDeletion: deleteNow,

    /** Ends the task, unless sessions are being deleted. */
    cancel() {
      if (store.state.phase !== 'deleting') begin({});
    },
  };
}

/** Publishes the wait that ends first of several concurrent calls. */
function createWaits(/** @type {WaitListener} */ publish) {
  /** @type {Map<number, Wait>} */
  const waits = new Map();
  return {
    set(/** @type {number} */ worker, /** @type {Wait | null} */ wait) {
      if (wait) waits.set(worker, wait);
      else waits.delete(worker);
      publish([...waits.values()].sort((a, b) => a.until - b.until)[0] ?? null);
    },
  };
}

/** Returns null for the error of a session that has ended, and throws any other. */
function unlessGone(/** @type {ApiError} */ problem) {
  if (problem.kind !== 'gone') throw problem;
  return null;
}

/** Joins JSON texts without parsing them, because together they may be large. */
const joinExports = (/** @type {Blob[]} */ parts, /** @type {number} */ nowMs) =>
  new Blob(
    [
      '{"exported_at":',
      JSON.stringify(new Date(nowMs)),
      ',"sessions":[',
      ...parts.flatMap((part, index) => (index > 0 ? [',\n', part] : [part])),
      ']}\n',
    ],
    { type: 'application/json' },
  );

/** Returns the name of a file, with the date in the user's time zone. */
function fileName(/** @type {number} */ nowMs) {
  const date = new Date(nowMs);
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  return `nono-sessions-${parts.map((part) => String(part).padStart(2, '0')).join('-')}.json`;
}
