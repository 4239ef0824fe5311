// What was typed and not yet sent, per session, on this device. Kept by user_id, so a draft outlives an expired session.

const PREFIX = 'nono:draft:';
/** Short enough that a crash costs at most a letter or two. */
const SAVE_AFTER_MS = 65;
/** Longer, so that select-all and a slip of the finger can still be undone before the stored text goes. */
const SAVE_EMPTY_AFTER_MS = 850;
const KEEP_MS = 7 * 24 * 60 * 60 * 1000;

export function createDrafts({ storage, timers }) {
  /** @type {{userId: string, text: string, timer: unknown} | null} */
  let unsaved = null;
  /** What stands in this tab's box. Tabs share the stored text of a session, and another may have sent and removed its own. */
  let own = null;

  function save(userId, text) {
    if (text === '') storage.remove(PREFIX + userId);
    else storage.write(PREFIX + userId, { text, saved_at: timers.now() });
  }

  function flush() {
    if (!unsaved) return;
    const { userId, text, timer } = unsaved;
    timers.clear(timer);
    unsaved = null;
    save(userId, text);
  }

  return {
    /** Notes a keystroke. */
    note(userId, text) {
      if (unsaved && unsaved.userId !== userId) flush();
      own = { userId, text };
      timers.clear(unsaved?.timer);
      const timer = timers.set(flush, text === '' ? SAVE_EMPTY_AFTER_MS : SAVE_AFTER_MS);
      unsaved = { userId, text, timer };
    },

    read(userId) {
      if (unsaved?.userId === userId) return unsaved.text;
      return storage.read(PREFIX + userId)?.text ?? '';
    },

    /** This text has found another home. What another tab has noted meanwhile is not this text, and stays. */
    settle(userId, text) {
      if (this.read(userId).trimEnd() === text) this.drop(userId);
    },

    /** Stores what stands in this tab's box again if nothing is stored any more. */
    restore() {
      if (own && own.text !== '' && this.read(own.userId) === '') save(own.userId, own.text);
    },

    /** Nobody wants it any more: its session was deleted. */
    drop(userId) {
      if (own?.userId === userId) own = null;
      if (unsaved?.userId === userId) {
        timers.clear(unsaved.timer);
        unsaved = null;
      }
      storage.remove(PREFIX + userId);
    },

    /** Writes what is still waiting. */
    flush,

    /** The box is about to show another session. */
    leave() {
      flush();
      own = null;
    },

    /** Forgets drafts of sessions that nobody came back to within a week. */
    prune() {
      for (const key of storage.keys(PREFIX)) {
        if (!(storage.read(key)?.saved_at > timers.now() - KEEP_MS)) storage.remove(key);
      }
    },
  };
}
