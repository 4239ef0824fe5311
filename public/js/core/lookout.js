// Looks for a reply that this page does not hear itself: after a refresh, a cut or a stop. Gently, and not for ever.

/** About two minutes in all. Whoever comes back to the page later sees it anyway: it looks then, too. */
const STEPS_MS = [1, 2, 4, 8, 15, 15, 15, 30, 30].map((seconds) => seconds * 1000);
/** An older message without a reply is not waiting for one. */
const RECENT_MS = 5 * 60_000;

/**
 * @param {{timers: object, look: () => Promise<void>, onGivenUp: () => void}} deps `look` fetches what is new
 */
export function createLookout({ timers, look, onGivenUp }) {
  let awaited = null;
  let timer = null;

  function next(step) {
    if (step === STEPS_MS.length) return onGivenUp();
    timer = timers.set(async () => {
      const before = awaited;
      await look();
      if (awaited === before) next(step + 1);
    }, STEPS_MS[step]);
  }

  return {
    /** Follows the conversation: looks while its newest message waits for a reply. */
    follow(state, nowMs) {
      const name = awaitedIn(state, nowMs);
      if (name === awaited) return;
      timers.clear(timer);
      awaited = name;
      if (name !== null) next(0);
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
