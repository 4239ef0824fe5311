// The list of live sessions as the Sessions dialog shows it, page by page.

const PAGE = 100;

export function createSessionList({ api, store, patience }) {
  let loading = new AbortController();

  const set = (patch) => store.set({ list: { ...store.state.list, ...patch } });

  async function load(pageToken) {
    loading.abort();
    const { signal } = (loading = new AbortController());
    set({ status: 'loading', problem: null, waiting: null });
    try {
      const task = () => api.list({ pageSize: PAGE, pageToken }, signal);
      const page = await patience.run(task, { signal, onWait: (waiting) => set({ waiting }) });
      signal.throwIfAborted();
      const items = pageToken ? [...store.state.list.items, ...page.sessions] : page.sessions;
      set({ status: 'ready', items, count: page.count, nextToken: page.next_page_token || null });
    } catch (problem) {
      if (!signal.aborted) set({ status: 'failed', problem });
    }
  }

  return {
    /** Asks for the first page again; the old rows stay in sight meanwhile. */
    refresh: () => load(),
    more: () => load(store.state.list.nextToken),

    /** Drops a row that is known to be gone. */
    forget(userId) {
      const { items, count } = store.state.list;
      const kept = items.filter((session) => session.user_id !== userId);
      if (kept.length < items.length) set({ items: kept, count: count - 1 });
    },

    /** Nobody looks any more. */
    stop: () => {
      loading.abort();
      set({ waiting: null });
    },
  };
}
