// Deletions that can be undone: the call is sent when the time for undo ends, or when the page is left.
// @ts-check

export const UNDO_MS = 10_000;

/** @param {DeletionsDeps} deps @returns {Deletions} */
export function createDeletions({ api, store, retrier, timers, onDeleted, onFailed }) {
  /** @type {Map<string, unknown>} user id to timer */
  const undoTimers = new Map();

  /** Ends the time for undo. */
  function take(/** @type {string} */ userId) {
    timers.clear(undoTimers.get(userId));
    undoTimers.delete(userId);
    const taken = /** @type {Deletion} */ (store.state.deletions.find((deletion) => deletion.userId === userId));
    store.set({ deletions: store.state.deletions.filter((deletion) => deletion !== taken) });
    return taken;
  }

  /** Deletes a session now if its deletion can still be undone. */
  async function commit(/** @type {string} */ userId) {
    if (!undoTimers.has(userId)) return;
    const { sessionId } = take(userId);
    try {
      await retrier.run(() => api.deleteSession(userId));
      onDeleted(userId, sessionId);
    } catch (problem) {
      if (problem.kind === 'gone') onDeleted(userId, sessionId);
      else onFailed(userId, problem);
    }
  }

  return {
    commit,

    /** Starts the time for undo. */
    start({ userId, sessionId }, { wasOpen }) {
      if (undoTimers.has(userId)) return;
      undoTimers.set(
        userId,
        timers.set(() => commit(userId), UNDO_MS),
      );
      store.set({
        deletions: [...store.state.deletions, { userId, sessionId, wasOpen, until: timers.now() + UNDO_MS }],
      });
    },

    /** Returns the deletion that was undone, or null. */
    undo: (userId) => (undoTimers.has(userId) ? take(userId) : null),

    /** Sends all deletions now, with calls that outlive the page. */
    flush() {
      for (const userId of [...undoTimers.keys()]) {
        const { sessionId } = take(userId);
        api.deleteSession(userId, { keepalive: true }).catch(() => {});
        onDeleted(userId, sessionId);
      }
    },
  };
}
