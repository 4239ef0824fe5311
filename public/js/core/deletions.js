// Deleting with second thoughts: the call is sent when the time of undo ends, or when the page is left.

export const UNDO_MS = 10_000;

/** @param {{onDeleted: (userId: string, sessionId: string) => void, onRefused: (userId: string, problem: Error) => void}} deps */
export function createDeletions({ api, store, patience, timers, onDeleted, onRefused }) {
  /** user_id to its timer. */
  const waiting = new Map();

  function take(userId) {
    timers.clear(waiting.get(userId));
    waiting.delete(userId);
    const taken = store.state.deletions.find((deletion) => deletion.user_id === userId);
    store.set({ deletions: store.state.deletions.filter((deletion) => deletion !== taken) });
    return taken;
  }

  async function commit(userId) {
    if (!waiting.has(userId)) return;
    const { session_id: sessionId } = take(userId);
    try {
      await patience.run(() => api.remove(userId));
      onDeleted(userId, sessionId);
    } catch (problem) {
      if (problem.kind === 'gone') onDeleted(userId, sessionId);
      else onRefused(userId, problem);
    }
  }

  return {
    /** `wasOpen` is remembered for the one who takes it back. */
    start({ user_id, session_id }, { wasOpen }) {
      if (waiting.has(user_id)) return;
      waiting.set(user_id, timers.set(() => commit(user_id), UNDO_MS));
      store.set({ deletions: [...store.state.deletions, { user_id, session_id, wasOpen, until: timers.now() + UNDO_MS }] });
    },

    /** What was taken back, or null. */
    undo: (userId) => (waiting.has(userId) ? take(userId) : null),

    /** Does not wait any longer: the name is wanted for a new session. */
    commit,

    /** The page is going away: the calls must outlive it. */
    flush() {
      for (const userId of [...waiting.keys()]) {
        const { session_id: sessionId } = take(userId);
        api.remove(userId, { keepalive: true }).catch(() => {});
        onDeleted(userId, sessionId);
      }
    },
  };
}
