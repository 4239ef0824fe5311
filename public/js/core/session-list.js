// The list of live sessions: loaded page by page, and to its end during a search.
// @ts-check

const PAGE_SIZE = 100;
/** Page size during a search: the maximum of the service. */
const SEARCH_PAGE_SIZE = 1_000;
/** Number of items after which a search loads no more. */
const SEARCH_MAX_ITEMS = 10_000;

/** @param {Pick<Deps, 'api' | 'store' | 'retrier'>} deps @returns {SessionList} */
export function createSessionList({ api, store, retrier }) {
  let loading = new AbortController();

  const get = () => store.state.list;
  const set = (/** @type {Partial<ListState>} */ patch) => store.set({ list: { ...get(), ...patch } });
  const isSearching = () => get().query.trim() !== '';

  async function load(/** @type {string | null} */ pageToken) {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    set({ status: 'loading', problem: null, wait: null });
    try {
      for (let token = pageToken; ; token = get().nextToken) {
        const range = { pageSize: isSearching() ? SEARCH_PAGE_SIZE : PAGE_SIZE, pageToken: token };
        const page = await retrier.run(() => api.listSessions(range, signal), {
          signal,
          onWaitChange: (wait) => set({ wait }),
        });
        signal.throwIfAborted();
        const items = token ? [...get().items, ...page.sessions] : page.sessions;
        set({ items, count: page.count, nextToken: page.nextToken });
        if (!page.nextToken || !isSearching() || items.length >= SEARCH_MAX_ITEMS) break;
      }
      set({ status: 'ready' });
    } catch (problem) {
      if (!signal.aborted) set({ status: 'failed', problem });
    }
  }

  return {
    /** Loads the first page again. The current rows are shown in the meantime. */
    refresh: () => load(null),

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

    /** Loads a list that is in sight again, unless the user has loaded more than its first page. */
    refreshShown() {
      const { shown, docked, items } = get();
      if ((shown || docked) && items.length <= PAGE_SIZE) void load(null);
    },
  };
}
