// The list of live sessions as the Sessions dialog needs it: page by page, and to its end where somebody searches.

const PAGE = 100;
/** As many at once as the service gives, for a search; and where a search ends. */
const SEARCH_PAGE = 1_000;
const SEARCH_AT_MOST = 10_000;

export function createSessionList({ api, store, patience }) {
  let loading = new AbortController();

  const now = () => store.state.list;
  const set = (patch) => store.set({ list: { ...now(), ...patch } });
  const isSearching = () => now().query.trim() !== '';

  async function load(pageToken) {
    loading.abort();
    const { signal } = (loading = new AbortController());
    set({ status: 'loading', problem: null, waiting: null });
    try {
      for (let token = pageToken; ; token = now().nextToken) {
        const task = () => api.list({ pageSize: isSearching() ? SEARCH_PAGE : PAGE, pageToken: token }, signal);
        const page = await patience.run(task, { signal, onWait: (waiting) => set({ waiting }) });
        signal.throwIfAborted();
        const items = token ? [...now().items, ...page.sessions] : page.sessions;
        set({ items, count: page.count, nextToken: page.next_page_token || null });
        if (!now().nextToken || !isSearching() || items.length >= SEARCH_AT_MOST) break;
      }
      set({ status: 'ready' });
    } catch (problem) {
      if (!signal.aborted) set({ status: 'failed', problem });
    }
  }

  return {
    /** Asks for the first page again; the old rows stay in sight meanwhile. */
    refresh: () => load(),

    /** Shows a page more, and loads it where it is not there yet. */
    more() {
      const limit = now().limit + PAGE;
      set({ limit });
      if (now().items.length < limit && now().nextToken) void load(now().nextToken);
    },

    /** Shows what matches. What has not been loaded cannot match, so the rest is loaded first. */
    search(query) {
      set({ query, limit: PAGE });
      if (isSearching() && now().nextToken && now().status === 'ready') void load(now().nextToken);
    },

    /** Drops a row that is known to be gone. */
    forget(userId) {
      const { items, count } = now();
      const kept = items.filter((session) => session.user_id !== userId);
      if (kept.length < items.length) set({ items: kept, count: count - 1 });
    },

    /** Nobody looks any more. */
    stop: () => {
      loading.abort();
      set({ waiting: null, query: '', limit: PAGE });
    },
  };
}
