// Looks for a reply that this page does not hear itself: after a refresh, a cut or a stop, or because another tab asked for it.

/** A second apart at first: whoever waits sees the reply within a second of its being stored. Then more and more gently. */
const STEPS = [
  { untilMs: 60_000, everyMs: 900 },
  { untilMs: 120_000, everyMs: 4_000 },
  { untilMs: 300_000, everyMs: 15_000 },
];
/** An older message without a reply is not waiting for one. */
const RECENT_MS = 5 * 60_000;

/**
 * Looking ends after five minutes. Whoever comes back to the page later sees the reply anyway: it looks then, too.
 *
 * @param {{timers: object, look: () => Promise<void>, onGivenUp: () => void}} deps `look` fetches what is new
 */
export function createLookout({ timers, look, onGivenUp }) {
  let awaited = null;
  let timer = null;

  function next(beganMs) {
    const step = STEPS.find(({ untilMs }) => timers.now() - beganMs < untilMs);
    if (!step) return onGivenUp();
    timer = timers.set(async () => {
      const before = awaited;
      await look();
      if (awaited === before) next(beganMs);
    }, step.everyMs);
  }

  return {
    /** Follows the conversation: looks while its newest message waits for a reply. */
    follow(state, nowMs) {
      const name = awaitedIn(state, nowMs);
      if (name === awaited) return;
      timers.clear(timer);
      awaited = name;
      if (name !== null) next(timers.now());
    },
  };
}

/** A name for what is waited for, or null. */
function awaitedIn({ view, session, messages, reply }, nowMs) {
  const newest = messages.at(-1);
  if (view !== 'open' || newest?.role !== 'user') return null;
  if (reply?.state === 'streaming' || reply?.state === 'failed') return null;
  const recent = reply !== null || nowMs - Date.parse(newest.timestamp) < RECENT_MS;
  return recent ? `${session.session_id} ${newest.seq}` : null;
}
