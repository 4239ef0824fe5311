// The list of live sessions: loaded page by page, and to its end during a search.
// @ts-check

const PAGE_SIZE = 100;
/** Page size of a search, and of a list of which much is loaded: the maximum of the service. */
const MAX_PAGE_SIZE = 1_000;
/** Number of items after which a search loads no more. */
const SEARCH_MAX_ITEMS = 10_000;

/** @param {Pick<Deps, 'api' | 'store' | 'retrier'>} deps @returns {SessionList} */
export function createSessionList({ api, store, retrier }) {
  let loading = new AbortController();

  const get = () => store.state.list;
  const set = (/** @type {Partial<ListState>} */ patch) => store.set({ list: { ...get(), ...patch } });
  const isSearching = () => get().query.trim() !== '';

  /**
   * Loads the list from a page on: that page, up to `wanted` sessions, or all during a search. The rows that are loaded remain until
   * as many are loaded again, so that a list that is scrolled does not jump.
   */
  async function load(/** @type {string | null} */ pageToken, wanted = 0) {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    set({ status: 'loading', problem: null, wait: null });
    try {
      let items = pageToken ? get().items : [];
      for (let token = pageToken; ; ) {
        const missing = isSearching() ? MAX_PAGE_SIZE : Math.max(PAGE_SIZE, wanted - items.length);
        const range = { pageSize: Math.min(MAX_PAGE_SIZE, missing), pageToken: token };
        const page = await retrier.run(() => api.listSessions(range, signal), {
          signal,
          onWaitChange: (wait) => set({ wait }),
        });
        signal.throwIfAborted();
        token = page.nextToken;
        items = [...items, ...page.sessions];
        const isEnough = items.length >= (isSearching() ? SEARCH_MAX_ITEMS : wanted);
        if (!token || items.length >= wanted) set({ items, count: page.count, nextToken: token });
        if (!token || isEnough) break;
      }
      set({ status: 'ready' });
    } catch (problem) {
      if (!signal.aborted) set({ status: 'failed', problem });
    }
  }

  /** Loads the rows that are shown again. They remain in the meantime. */
  const refresh = () => load(null, Math.min(get().items.length, get().limit));

  return {
    refresh,

    /** Shows one page more, and loads it if necessary. */
    showMore() {
      const limit = get().limit + PAGE_SIZE;
      set({ limit });
      if (get().items.length < limit && get().nextToken) void load(get().nextToken);
    },

    /** Shows the sessions that match `query`. The rest of the list is loaded, because only loaded sessions can match. */
    search(query) {
      set({ query, limit: PAGE_SIZE });
      if (isSearching() && get().nextToken && get().status === 'ready') void load(get().nextToken);
    },

    /** Runs a call for a row, and shows its error with the list. Returns true if it succeeded. */
    async report(call) {
      if (get().status === 'ready') set({ problem: null });
      try {
        await retrier.run(call, { onWaitChange: (wait) => set({ wait }), isBounded: true });
        return true;
      } catch (problem) {
        set({ problem });
        return false;
      }
    },

    /** Removes the row of a deleted session. */
    remove(userId) {
      const { items, count } = get();
      const kept = items.filter((session) => session.userId !== userId);
      if (kept.length < items.length) set({ items: kept, count: count - 1 });
    },

    /** Loads the list for the dialog (`shown`) or the column (`docked`). The search is reset after either was closed. */
    show(viewer, isShown) {
      set({ [viewer]: isShown });
      if (!isShown) {
        loading.abort();
        set({ wait: null, query: '', limit: PAGE_SIZE });
      }
      if (get().shown || get().docked) void load(null);
    },

    /** Loads a list that is in sight again. */
    refreshShown() {
      if (get().shown || get().docked) void refresh();
    },
  };
}
