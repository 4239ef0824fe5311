// The open conversation: loads it and its older pages, and fetches messages that were added elsewhere.
// @ts-check

import { pendingReplyKey } from './message-rows.js';
import { PAGE_SIZE } from './paths.js';
import { unknownSession } from './state.js';
import { NOTICES } from './words/errors.js';

/** Messages per page of a whole conversation, which is loaded with few calls. */
const LARGE_PAGE_SIZE = 500;
/** Pages that are fetched to catch up before the conversation is loaded from scratch instead. */
const MAX_CATCH_UP_PAGES = 10;

/** @param {Pick<Deps, 'api' | 'store' | 'retrier'>} deps @returns {Conversation} */
export function createConversation({ api, store, retrier }) {
  let opening = new AbortController();
  /** @type {Set<(session: Session) => void>} */
  const listeners = new Set();

  /** Returns the `seq` up to which all messages are loaded, from the oldest loaded one on. */
  function loadedTo() {
    const { messages, hasOlder } = store.state;
    let seq = hasOlder ? (messages[0]?.seq ?? 1) - 1 : 0;
    for (const message of messages) {
      if (message.seq > seq + 1) break;
      seq = message.seq;
    }
    return seq;
  }

  function publishOpened(/** @type {Session} */ session) {
    for (const listener of listeners) listener(session);
  }

  /** Aborts what is loading and shows another conversation. */
  function reset(/** @type {Partial<State>} */ patch) {
    opening.abort();
    opening = new AbortController();
    store.set({ messages: [], hasOlder: false, loadingOlder: false, turn: null, problem: null, unsent: [], ...patch });
    return opening.signal;
  }

  /** Loads a session with its newest messages. */
  async function open(/** @type {string} */ userId) {
    const signal = reset({ view: 'loading', session: unknownSession(userId) });
    try {
      const [session, page] = await retrier.run(
        () => Promise.all([api.getSession(userId, signal), api.getHistory(userId, { limit: PAGE_SIZE }, signal)]),
        { signal },
      );
      signal.throwIfAborted();
      store.set({ view: 'open', session, messages: page.messages, hasOlder: page.hasMore });
      publishOpened(session);
    } catch (problem) {
      if (!signal.aborted) store.set({ view: problem.kind === 'gone' ? 'gone' : 'failed', problem });
    }
  }

  /** Records that a session has ended. Its messages remain visible. */
  function end(/** @type {string} */ userId, /** @type {ApiError} */ problem) {
    if (store.state.session?.userId === userId) store.set({ view: 'gone', problem });
  }

  /** Fetches the session and the messages that were added since. */
  const catchUp = () =>
    whileOpen(async ({ userId, sessionId }, signal) => {
      const current = await api.getSession(userId, signal);
      if (current.sessionId !== sessionId) return await open(userId);
      await load(current, signal);
    });

  /** Runs a task for the open session. Errors are reported by the next call of the user, except that the session has ended. */
  async function whileOpen(/** @type {(session: Session, signal: AbortSignal) => Promise<void>} */ task) {
    const { session, view } = store.state;
    if (view !== 'open' || !session) return;
    const { signal } = opening;
    try {
      await task(session, signal);
    } catch (problem) {
      if (!signal.aborted && problem.kind === 'gone') end(session.userId, problem);
    }
  }

  /** Fetches the messages up to the end of the session in its current state. */
  async function load(/** @type {Session} */ current, /** @type {AbortSignal} */ signal) {
    store.set({ session: current });
    for (let pages = 0; loadedTo() < current.messageCount; pages += 1) {
      if (pages === MAX_CATCH_UP_PAGES) return await open(current.userId);
      const page = await api.getHistory(current.userId, { limit: PAGE_SIZE, after: loadedTo() }, signal);
      signal.throwIfAborted();
      merge(page.messages);
      if (page.messages.length === 0) return;
    }
  }

  /** Merges messages by `seq`. A known message keeps its row and its finish reason. */
  function merge(/** @type {Message[]} */ incoming) {
    const bySeq = new Map(store.state.messages.map((message) => [message.seq, message]));
    for (const message of incoming) {
      const known = bySeq.get(message.seq);
      const key = known?.key ?? message.key ?? pendingReplyKey(store.state, message);
      const isTaken = key !== known?.key && [...bySeq.values()].some((other) => other.key === key);
      bySeq.set(message.seq, { ...message, key: isTaken ? undefined : key, finish: message.finish ?? known?.finish });
    }
    store.set({ messages: [...bySeq.values()].sort((a, b) => a.seq - b.seq) });
  }

  /** Returns the session after a message was stored. Computed here, because events of a stream do not carry the session. */
  function withActivity(/** @type {Session} */ session, /** @type {Message} */ { seq, timestamp }) {
    const ttlMs = Number(store.state.config?.sessionTtlSeconds) * 1000;
    const endMs = Math.max(Date.parse(timestamp) + ttlMs, Date.parse(session.expiresAt));
    const expiresAt = Number.isNaN(endMs) ? session.expiresAt : new Date(endMs).toISOString();
    return { ...session, expiresAt, lastActivity: timestamp, messageCount: Math.max(session.messageCount, seq) };
  }

  /** Loads the page before the oldest message. */
  async function loadOlder(pageSize = PAGE_SIZE) {
    const { session, messages, hasOlder, loadingOlder } = store.state;
    if (!session || !hasOlder || loadingOlder) return;
    const { signal } = opening;
    store.set({ loadingOlder: true });
    try {
      const range = { limit: pageSize, before: messages[0].seq };
      const page = await retrier.run(() => api.getHistory(session.userId, range, signal), { signal });
      signal.throwIfAborted();
      merge(page.messages);
      store.set({ hasOlder: page.hasMore, loadingOlder: false });
    } catch (problem) {
      if (signal.aborted) return;
      store.set({ loadingOlder: false });
      if (problem.kind === 'gone') end(session.userId, problem);
      else store.set({ notice: `${NOTICES.noOlder} ${problem.explanation}` });
    }
  }

  return {
    open,
    end,
    catchUp,

    /** Shows the current state of the session, and fetches the messages that are missing. */
    update: (current) => whileOpen((_, signal) => load(current, signal)),

    /** Opens the session that has the name of the one that has ended, if it was created again. */
    async reopen() {
      const { session, view } = store.state;
      if (view !== 'gone' || !session) return;
      const { signal } = opening;
      const current = await api.getSession(session.userId, signal).catch(() => null);
      if (current && !signal.aborted) await open(session.userId);
    },

    /** Calls `listener` whenever a session was opened: loaded, or shown after its creation. */
    onOpened: (listener) => listeners.add(listener),

    /** Shows a session that was just created and has no messages. The first message keeps its row. */
    showCreated(session) {
      const { view, unsent } = store.state;
      reset({ view: 'open', session, unsent: view === 'starting' ? unsent : [] });
      publishOpened(session);
    },

    /** Shows the first message of a session that is being created. */
    showStarting: (session, entry) => void reset({ view: 'starting', session, unsent: [entry] }),

    close() {
      reset({ view: 'welcome', session: null });
    },

    /** Adds a message that was just stored, if its session is open. Those that are missing before it are fetched. */
    add({ userId, sessionId }, message) {
      const { session, view } = store.state;
      if (view !== 'open' || session?.userId !== userId || session.sessionId !== sessionId) return;
      merge([message]);
      store.set({ session: withActivity(session, message) });
      if (loadedTo() < message.seq) void catchUp();
    },

    loadOlder,

    /** Loads all messages, as far as that succeeds. */
    async loadAll() {
      for (let oldest = 0; store.state.hasOlder && store.state.messages[0]?.seq !== oldest; ) {
        oldest = store.state.messages[0]?.seq;
        await loadOlder(LARGE_PAGE_SIZE);
      }
    },
  };
}
