// Polls for a reply that does not stream to this tab: after a reload, a cut or a stop, or because another tab requested it.
// @ts-check

/** Polling intervals. The first shows a reply within a second after it is stored; later ones spare the service. */
const INTERVALS = [
  { untilMs: 60_000, intervalMs: 900 },
  { untilMs: 120_000, intervalMs: 4_000 },
  { untilMs: 300_000, intervalMs: 15_000 },
];
/** No reply is expected to an older message. */
const RECENT_MS = 5 * 60_000;

/**
 * Polling ends after five minutes. A reply that comes later is shown when the page is focused or opened again.
 *
 * @param {{timers: Timers, poll: () => Promise<void>, onTimeout: () => void}} deps
 */
export function createReplyPoller({ timers, poll, onTimeout }) {
  /** @type {string | null} */
  let expected = null;
  /** @type {unknown} */
  let timer = null;

  function schedule(/** @type {number} */ startedMs) {
    const step = INTERVALS.find(({ untilMs }) => timers.now() - startedMs < untilMs);
    if (!step) return onTimeout();
    timer = timers.set(async () => {
      const before = expected;
      await poll();
      if (expected === before) schedule(startedMs);
    }, step.intervalMs);
  }

  return {
    /** Polls while the newest message waits for a reply. */
    update(/** @type {State} */ state, /** @type {number} */ nowMs) {
      const next = expectedReply(state, nowMs);
      if (next === expected) return;
      timers.clear(timer);
      expected = next;
      if (next !== null) schedule(timers.now());
    },
  };
}

/** Returns an identifier of the expected reply, or null. */
function expectedReply(/** @type {State} */ { view, session, messages, turn, signedOut }, /** @type {number} */ nowMs) {
  const newest = messages.at(-1);
  if (view !== 'open' || signedOut || newest?.role !== 'user') return null;
  if (turn?.state === 'streaming' || turn?.state === 'failed') return null;
  const isRecent = turn !== null || nowMs - Date.parse(newest.timestamp) < RECENT_MS;
  return isRecent ? `${session?.sessionId} ${newest.seq}` : null;
}
