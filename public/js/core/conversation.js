// The open conversation: loading it, older pages, catching up with what other tabs wrote. Knows the state's shape, not the page.

import { rowOfReply } from './message-rows.js';

/** Messages asked for at a time. */
export const PAGE = 50;
/** Rounds of catching up before the conversation is simply loaded anew. */
const CATCH_UP_ROUNDS = 10;

export function createConversation({ api, store, patience, onOpen }) {
  let opening = new AbortController();

  const isOpen = (userId) => store.state.session?.user_id === userId && store.state.view === 'open';

  /** Stops what is being loaded and shows `patch` from a clean start. */
  function begin(patch) {
    opening.abort();
    opening = new AbortController();
    store.set({ messages: [], hasOlder: false, loadingOlder: false, reply: null, problem: null, pending: [], ...patch });
    return opening.signal;
  }

  async function open(userId) {
    const signal = begin({ view: 'loading', session: { user_id: userId } });
    try {
      const [session, page] = await patience.run(
        () => Promise.all([api.session(userId, signal), api.history(userId, { limit: PAGE }, signal)]),
        { signal },
      );
      signal.throwIfAborted();
      store.set({ view: 'open', session, messages: page.messages, hasOlder: page.has_more });
      onOpen(session);
    } catch (problem) {
      if (!signal.aborted) store.set({ view: problem.kind === 'gone' ? 'gone' : 'failed', problem });
    }
  }

  /** Notes that the open session is no more. What is on the screen stays. */
  function end(userId, problem) {
    if (store.state.session?.user_id === userId) store.set({ view: 'gone', problem });
  }

  /** Fetches what was added since, and the session's new times. */
  async function catchUp() {
    const { session, view } = store.state;
    if (view !== 'open') return;
    const { signal } = opening;
    try {
      const fresh = await api.session(session.user_id, signal);
      if (fresh.session_id !== session.session_id) {
        await open(session.user_id);
        return;
      }
      store.set({ session: fresh });
      for (let round = 0; lastSeq() < fresh.message_count; round += 1) {
        if (round === CATCH_UP_ROUNDS) return void (await open(session.user_id));
        const page = await api.history(session.user_id, { limit: PAGE, after: lastSeq() }, signal);
        signal.throwIfAborted();
        merge(page.messages);
        if (page.messages.length === 0) return;
      }
    } catch (problem) {
      // Only the news that it is over matters here: anything else will be met again by the next send or load.
      if (!signal.aborted && problem.kind === 'gone') end(session.user_id, problem);
    }
  }

  const lastSeq = () => store.state.messages.at(-1)?.seq ?? 0;

  /** Adds messages by seq. A message that is already there keeps its `key`, and so its place on the screen, and how it finished. */
  function merge(incoming) {
    const bySeq = new Map(store.state.messages.map((message) => [message.seq, message]));
    for (const message of incoming) {
      const old = bySeq.get(message.seq);
      bySeq.set(message.seq, { ...message, key: old?.key ?? message.key ?? rowOfReply(store.state, message), finish: message.finish ?? old?.finish });
    }
    store.set({ messages: [...bySeq.values()].sort((a, b) => a.seq - b.seq) });
  }

  /** The session as it must be now that this message is stored: the event does not say, and a call for it would be one too many. */
  function since({ seq, timestamp }) {
    const { session, config } = store.state;
    const ttlMs = config?.session_ttl_seconds * 1000;
    const endMs = Math.max(Date.parse(timestamp) + ttlMs, Date.parse(session.expires_at));
    const times = Number.isNaN(endMs) ? {} : { expires_at: new Date(endMs).toISOString() };
    return { ...session, ...times, message_count: Math.max(session.message_count ?? 0, seq) };
  }

  return {
    open,
    end,
    catchUp,

    /** Shows a session that was created a moment ago: nothing to load. */
    adopt(session) {
      begin({ view: 'open', session: { message_count: 0, metadata: {}, ...session } });
      onOpen(store.state.session);
    },

    close() {
      begin({ view: 'welcome', session: null });
    },

    /** A message was stored. `key` is the row that already shows it. */
    accept({ user_id: userId, session_id: sessionId }, message, key) {
      if (!isOpen(userId) || store.state.session.session_id !== sessionId) return;
      if (message.seq > lastSeq() + 1) return void catchUp();
      merge([{ ...message, key }]);
      store.set({ session: since(message) });
    },

    /** Puts the page before the oldest message in front. */
    async loadOlder() {
      const { session, messages, hasOlder, loadingOlder } = store.state;
      if (!hasOlder || loadingOlder) return;
      const { signal } = opening;
      store.set({ loadingOlder: true });
      try {
        const before = messages[0].seq;
        const page = await patience.run(() => api.history(session.user_id, { limit: PAGE, before }, signal), { signal });
        signal.throwIfAborted();
        merge(page.messages);
        store.set({ hasOlder: page.has_more, loadingOlder: false });
      } catch (problem) {
        if (signal.aborted) return;
        store.set({ loadingOlder: false });
        if (problem.kind === 'gone') end(session.user_id, problem);
        else store.set({ notice: `Earlier messages could not be loaded. ${problem.explanation}` });
      }
    },
  };
}
