// Unsent text per session, stored on this device. Keyed by user id, so that a draft outlives an expired session.
// @ts-check

const PREFIX = 'nono:draft:';
/** Key of the draft of the first screen, which becomes that of the session that is created or opened next. */
export const NO_SESSION = '';
/** Delay before a draft is saved: short enough that a crash costs at most a letter or two. */
const SAVE_DELAY_MS = 65;
/** Delay before an empty text removes the draft: long enough to undo an accidental deletion. */
const SAVE_EMPTY_DELAY_MS = 850;
const TTL_MS = 7 * 24 * 60 * 60 * 1000;

/** @param {Pick<Deps, 'storage' | 'timers'>} deps @returns {Drafts} */
export function createDrafts({ storage, timers }) {
  /** @type {{userId: string, text: string, timer: unknown} | null} */
  let unsaved = null;
  /**
   * The text in this tab's message box. Tabs share the stored draft of a session, and another tab may send and remove its own.
   *
   * @type {{userId: string, text: string} | null}
   */
  let current = null;

  function save(/** @type {string} */ userId, /** @type {string} */ text) {
    if (text === '') storage.remove(PREFIX + userId);
    else storage.write(PREFIX + userId, { text, savedAt: timers.now() });
  }

  /** Saves the draft now. */
  function flush() {
    if (!unsaved) return;
    const { userId, text, timer } = unsaved;
    timers.clear(timer);
    unsaved = null;
    save(userId, text);
  }

  /** @returns {string} */
  function read(/** @type {string} */ userId) {
    if (unsaved?.userId === userId) return unsaved.text;
    return storage.read(PREFIX + userId)?.text ?? '';
  }

  function remove(/** @type {string} */ userId) {
    if (current?.userId === userId) current = null;
    if (unsaved?.userId === userId) {
      timers.clear(unsaved.timer);
      unsaved = null;
    }
    storage.remove(PREFIX + userId);
  }

  return {
    flush,
    read,
    remove,

    /** Records the text after a keystroke. */
    update(userId, text) {
      if (unsaved && unsaved.userId !== userId) flush();
      current = { userId, text };
      timers.clear(unsaved?.timer);
      const timer = timers.set(flush, text === '' ? SAVE_EMPTY_DELAY_MS : SAVE_DELAY_MS);
      unsaved = { userId, text, timer };
    },

    /** Moves a draft to another session, unless that one has a draft. */
    move(from, to) {
      const text = read(from);
      if (text === '' || read(to) !== '') return;
      const isCurrent = current?.userId === from;
      remove(from);
      save(to, text);
      if (isCurrent) current = { userId: to, text };
    },

    /** Removes a draft that was sent, unless another tab has stored a different text in the meantime. */
    clearIfSent(userId, text) {
      if (read(userId).trimEnd() === text) remove(userId);
      else if (current?.userId === userId && current.text.trimEnd() === text) current = null;
    },

    /** Saves the text of this tab's message box again if no draft is stored any more. */
    restore() {
      if (current && current.text !== '' && read(current.userId) === '') save(current.userId, current.text);
    },

    /**
     * Saves the text of this tab's message box at the end of the page, whatever is stored. Another tab's draft may have been sent
     * and removed although this tab does not see it yet; if not, it is still in that tab's message box, which saves it likewise.
     */
    keep() {
      flush();
      if (current && current.text !== '') save(current.userId, current.text);
    },

    /** Saves the draft before the message box shows another session. */
    detach() {
      flush();
      current = null;
    },

    /** Removes drafts that are older than a week. */
    prune() {
      for (const key of storage.keys(PREFIX)) {
        if (!(storage.read(key)?.savedAt > timers.now() - TTL_MS)) storage.remove(key);
      }
    },
  };
}
