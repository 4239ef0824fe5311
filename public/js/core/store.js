// A container for frozen state with listeners per key. Knows nothing of the state's content.
// @ts-check

/**
 * @template {object} S
 * @param {S} initial
 * @returns {Store<S>}
 */
export function createStore(initial) {
  let state = Object.freeze({ ...initial });
  /** @type {Set<{keys: (keyof S)[], listener: (state: Readonly<S>) => void}>} */
  const watchers = new Set();

  return {
    get state() {
      return state;
    },

    /** Replaces the given keys and calls the watchers of those whose value changed. */
    set(patch) {
      const before = state;
      state = Object.freeze({ ...state, ...patch });
      for (const { keys, listener } of [...watchers]) {
        if (keys.some((key) => before[key] !== state[key])) listener(state);
      }
    },

    /** Calls `listener` now and whenever one of `keys` changes. Returns a function that removes it. */
    watch(keys, listener) {
      const watcher = { keys, listener };
      watchers.add(watcher);
      listener(state);
      return () => watchers.delete(watcher);
    },
  };
}
