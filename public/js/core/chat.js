// What a person can do at the page, each as one action. Joins the parts of core; every call, timer and store is passed in.

import { createConversation } from './conversation.js';
import { createDeletions } from './deletions.js';
import { createDrafts } from './drafts.js';
import { createExpiry, createServerClock } from './expiry.js';
import { createOutbox } from './outbox.js';
import { createPatience } from './retry.js';
import { BUILT_IN, readPersonas } from './personas.js';
import { createReplies } from './reply-controller.js';
import { createSessionList } from './session-list.js';
import { INITIAL_STATE, createStore } from './store.js';

/**
 * @param {{makeApi: (onServerTime: (ms: number) => void) => object, makeTabs: (onChanged: (id: string) => void) => object,
 *   storage: object, router: object, timers: object, newId: () => string, random?: () => number}} deps
 */
export function createChat({ makeApi, makeTabs, storage, router, timers, newId, random = Math.random }) {
  const store = createStore({ ...INITIAL_STATE, personas: BUILT_IN, notice: null });
  const clock = createServerClock(timers);
  const api = makeApi(clock.observe);
  const drafts = createDrafts({ storage, timers });
  const patience = createPatience({
    timers,
    random,
    isOnline: () => store.state.online,
    onWaiting: (waiting) => store.set({ waiting }),
  });
  const conversation = createConversation({ api, store, patience, onOpen: opened });
  const list = createSessionList({ api, store, patience });
  const outbox = createOutbox({ api, storage, patience, timers, newId, onChange: showPending, onEvent: (entry, event) => replies.follow(entry, event) });
  const deletions = createDeletions({ api, store, patience, timers, onDeleted: deleted, onRefused: notDeleted });
  const expiry = createExpiry({
    clock,
    timers,
    onLeft: (endingMs) => store.set({ endingMs }),
    onOver: () => conversation.catchUp(),
  });
  const tabs = makeTabs((sessionId) => {
    drafts.restore();
    if (store.state.session?.session_id === sessionId) void conversation.catchUp().then(replies.find);
    if (store.state.list.shown) void list.refresh();
  });
  const replies = createReplies({ store, storage, timers, clock, patience, conversation, tell: tabs.tell });
  let personasKnown = false;

  function opened(session) {
    router.remember(session);
    // The service may not have been there when the page was loaded.
    if (!store.state.config) void actions.loadConfig();
    replies.find();
    replies.show();
    outbox.restore(session);
    showPending();
  }

  function showPending() {
    const { session } = store.state;
    store.set({ pending: session ? outbox.of(session.user_id) : [] });
  }

  function deleted(userId, sessionId) {
    list.forget(userId);
    drafts.drop(userId);
    outbox.clear(userId);
    replies.clear(userId);
    router.forget(userId);
    tabs.tell(sessionId);
  }

  function notDeleted(userId, problem) {
    store.set({ notice: `The session of ${userId} could not be deleted. ${problem.explanation}` });
    void list.refresh();
  }

  async function create({ userId, persona, ifExists, requestId, signal, onWait }) {
    await deletions.commit(userId);
    const session = await patience.run(() => api.create({ userId, persona, ifExists, requestId }, signal), { signal, onWait });
    if (session.created) {
      if (store.state.session?.user_id !== userId) drafts.leave();
      conversation.adopt(session);
      router.show(userId);
      tabs.tell(session.session_id);
    } else await actions.open(session.user_id);
    return session;
  }

  const actions = {
    store,
    drafts,
    clock,
    list,

    /** Opens what the address names, else what was open last, else welcomes. */
    async start() {
      await storage.recover();
      drafts.prune();
      store.watch(['session', 'view'], ({ session, view }) => expiry.follow(view === 'open' ? session.expires_at : null));
      replies.start();
      const userId = router.named() ?? router.last()?.user_id ?? null;
      const opening = userId === null ? null : actions.open(userId, { replace: true });
      await Promise.all([actions.loadConfig(), actions.loadPersonas(), opening]);
    },

    async loadConfig() {
      const config = await api.config().catch(() => null);
      if (!config) return;
      const serverMs = Date.parse(config.server_time);
      if (!Number.isNaN(serverMs)) clock.observe(serverMs);
      store.set({ config });
    },

    async loadPersonas() {
      if (personasKnown) return;
      const answer = await api.personas().catch(() => null);
      personasKnown = answer !== null;
      store.set({ personas: readPersonas(answer) });
    },

    async open(userId, { replace = false } = {}) {
      deletions.undo(userId);
      drafts.leave();
      router.show(userId, { replace });
      await conversation.open(userId);
    },

    close() {
      drafts.leave();
      router.show(null);
      conversation.close();
    },

    create,

    /** The same name and voice once more, after the old session ended. What could not be sent goes to the new one. */
    async startAgain() {
      const { user_id: userId, persona } = store.state.session;
      const last = router.last();
      const voice = persona ?? (last?.user_id === userId ? last.persona : undefined);
      try {
        await create({ userId, persona: voice, ifExists: 'return', requestId: newId() });
        await outbox.readdress(store.state.session);
      } catch (problem) {
        store.set({ notice: `The session could not be started again. ${problem.explanation}` });
      }
    },

    /** Hands a message over to the outbox; only then is the draft let go. */
    send(content) {
      const { session } = store.state;
      const sent = outbox.add(session, content);
      drafts.settle(session.user_id, content);
      return sent;
    },

    /** Sends a message again that was not sent, or asks again for the reply to one that was. */
    retry: (requestId) => replies.again(requestId, outbox) || outbox.retry(requestId, store.state.session),
    /** Shows no more of the reply that is streaming. */
    stop: () => replies.stop(outbox),
    exportAddress: (userId, format) => api.exportAddress(userId, format),
    discard: (requestId) => outbox.discard(requestId),
    loadOlder: () => conversation.loadOlder(),
    reload: () => conversation.open(store.state.session.user_id),
    wake: () => patience.wake(),
    dismissNotice: () => store.set({ notice: null }),

    /** Starts the session's time anew. */
    async keep() {
      const { session } = store.state;
      try {
        const kept = await patience.run(() => api.touch(session.user_id));
        if (store.state.session?.session_id === kept.session_id) store.set({ session: kept });
        tabs.tell(kept.session_id);
      } catch (problem) {
        if (problem.kind === 'gone') conversation.end(session.user_id, problem);
        else store.set({ notice: `The session could not be kept. ${problem.explanation}` });
      }
    },

    remove(session) {
      const wasOpen = store.state.session?.user_id === session.user_id;
      deletions.start(session, { wasOpen });
      if (wasOpen) actions.close();
    },

    /** Takes a deletion back, and shows the session again if it was open and nothing else was opened meanwhile. */
    async undo(userId) {
      if (deletions.undo(userId)?.wasOpen && store.state.view === 'welcome') await actions.open(userId);
    },

    showList(shown) {
      store.set({ list: { ...store.state.list, shown } });
      if (shown) void list.refresh();
      else list.stop();
    },

    /** Follows the address, the network and the end of the page. `scope` is `window`. */
    listen(scope) {
      store.set({ online: scope.navigator.onLine });
      scope.addEventListener('online', () => {
        store.set({ online: true });
        patience.wake();
      });
      scope.addEventListener('offline', () => store.set({ online: false }));
      scope.addEventListener('focus', () => void conversation.catchUp());
      scope.addEventListener('popstate', () => {
        const userId = router.named();
        // A jump within the page, such as the skip link, is a step of history too.
        if (userId === (store.state.session?.user_id ?? null)) return;
        if (userId === null) actions.close();
        else void actions.open(userId, { replace: true });
      });
      scope.addEventListener('pagehide', () => {
        drafts.flush();
        drafts.restore();
        deletions.flush();
      });
    },
  };
  return actions;
}
