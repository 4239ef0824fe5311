// Keeps a list of sessions that is in sight up to date with the open session.
// @ts-check

/** Delay of a refresh, in which the messages of a short turn are stored. */
const DELAY_MS = 500;

/** Loads the list again when another session was opened, and when messages were stored. */
export function followOpenSession(
  /** @type {Pick<Deps, 'store' | 'timers'> & {list: SessionList}} */ { store, list, timers },
) {
  /** @type {unknown} */
  let timer = null;
  let known = '';

  store.watch(['session'], ({ session, list: { shown, docked } }) => {
    const current = session?.sessionId ? `${session.sessionId} ${session.messageCount}` : known;
    if (current === known) return;
    known = current;
    timers.clear(timer);
    if (shown || docked) timer = timers.set(list.refreshShown, DELAY_MS);
  });
}
