// The page's state in one frozen object, and who wants to hear when parts of it change. Knows nothing of what the parts mean.

/**
 * @template {object} State
 * @param {State} initial
 */
export function createStore(initial) {
  let state = Object.freeze({ ...initial });
  const watchers = new Set();

  return {
    get state() {
      return state;
    },

    /** Replaces the named parts. Watchers of a part hear of it only when it is a different value. */
    set(patch) {
      const before = state;
      state = Object.freeze({ ...state, ...patch });
      for (const watcher of [...watchers]) {
        if (watcher.keys.some((key) => before[key] !== state[key])) watcher.tell(state);
      }
    },

    /** Calls `tell` now and again whenever one of `keys` changes. Returns the way to stop. */
    watch(keys, tell) {
      const watcher = { keys, tell };
      watchers.add(watcher);
      tell(state);
      return () => watchers.delete(watcher);
    },
  };
}

/** What a page that has just been opened knows. */
export const INITIAL_STATE = {
  config: null,
  personas: [],
  /** `welcome`, `loading`, `open`, `gone` (expired or deleted) or `failed` (could not be loaded). */
  view: 'welcome',
  /** The open session as the server described it, or `{user_id}` while it loads. */
  session: null,
  /** Stored messages, oldest first, dense by `seq`. */
  messages: [],
  hasOlder: false,
  loadingOlder: false,
  /** Messages of the open session that the server has not accepted yet. */
  pending: [],
  /** The open session's turn while its reply is not stored, as turns.js describes it. */
  reply: null,
  /** Why the open session could not be loaded or used. */
  problem: null,
  /** The next attempt after a refusal: `{kind, reason, until}`. */
  waiting: null,
  online: true,
  /** Milliseconds left, in the session's last two minutes only. */
  endingMs: null,
  /** The list in the Sessions dialog. `status` is `idle`, `loading`, `ready` or `failed`; of what matches `query`, `limit` are shown. */
  list: { status: 'idle', items: [], count: 0, nextToken: null, problem: null, waiting: null, shown: false, query: '', limit: 100 },
  /** Sessions in their time of undo: `{user_id, until}`. */
  deletions: [],
};
