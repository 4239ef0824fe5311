// The core of the page: creates its parts, connects them and exposes their actions. Browser APIs are passed in.
// @ts-check

import { createConversation } from './conversation.js';
import { createDeletions } from './deletions.js';
import { createDrafts, NO_SESSION } from './drafts.js';
import { createExpiryTimer } from './expiry.js';
import { createFirstMessages, FIRST_MESSAGES } from './first-message.js';
import { followOpenSession } from './list-updates.js';
import { createLive } from './live.js';
import { createLiveEvents } from './live-events.js';
import { createOwnerNotice } from './owner-notice.js';
import { listenToPage } from './page-events.js';
import { createRetrier } from './retry.js';
import { createServiceConfig } from './service-config.js';
import { createSessionActions } from './session-actions.js';
import { createSessionList } from './session-list.js';
import { createSignIn } from './sign-in.js';
import { initialState } from './state.js';
import { createStore } from './store.js';
import { createTurnController } from './turn-controller.js';
import { NOTICES } from './words/errors.js';

/** @param {ChatDeps} deps */
export function createChat({ api, clock, tabs, storage, router, timers, newId, random = Math.random }) {
  const expected = router.currentUserId() ?? router.lastVisit() ?? storage.keys(FIRST_MESSAGES)[0];
  const store = createStore(initialState(expected));
  const drafts = createDrafts({ storage, timers });
  const retrier = createRetrier({
    timers,
    random,
    isOnline: () => store.state.online,
    onWaitChange: (wait) => store.set({ wait }),
  });
  api.onAccess((problem) => problem === null && retrier.onSuccess());
  const config = createServiceConfig({ api, store, clock, retrier });
  const list = createSessionList({ api, store, retrier });
  const conversation = createConversation({ api, store, retrier });
  const turns = createTurnController({
    api,
    store,
    storage,
    retrier,
    timers,
    clock,
    conversation,
    tabs,
    newId,
    onStreamLost: () => live.refresh(),
  });
  const live = createLive({
    api,
    store,
    timers,
    random,
    onEvent: createLiveEvents({ store, clock, conversation, turns }),
    onFailure: onLiveFailure,
  });

  /** Does without the event stream, which a proxy may block, once it could not be read twice in a row. */
  function onLiveFailure(/** @type {ApiError} */ problem, /** @type {number} */ attempts) {
    const { session } = store.state;
    if (problem.kind === 'gone' && session) conversation.end(session.userId, problem);
    if (attempts < 2) return;
    void conversation.catchUp();
    turns.onDisconnected(attempts);
  }

  function onDeleted(/** @type {string} */ userId, /** @type {string} */ sessionId) {
    list.remove(userId);
    drafts.remove(userId);
    turns.removeAll(userId);
    router.clearLastVisit(userId);
    tabs.notify(sessionId);
  }
  function onDeletionFailed(/** @type {string} */ userId, /** @type {ApiError} */ problem) {
    store.set({ notice: `${NOTICES.notDeleted(userId)} ${problem.explanation}` });
    void list.refresh();
  }
  const deletions = createDeletions({ api, store, retrier, timers, onDeleted, onFailed: onDeletionFailed });
  const deps = { api, store, storage, retrier, timers, clock, newId, drafts, router, tabs, conversation, turns };
  const sessions = createSessionActions({ ...deps, deletions });
  const firstMessages = createFirstMessages(deps);

  /** Shows the first screen, or a first message whose session is not created yet. */
  function close() {
    sessions.close();
    firstMessages.showNext();
  }

  /** Removes a session that was deleted with all others. */
  function onDeletedWithOthers(/** @type {Session} */ { userId, sessionId }) {
    deletions.undo(userId);
    if (store.state.session?.userId === userId) close();
    onDeleted(userId, sessionId);
  }

  const ownerNotice = createOwnerNotice({ store, storage });
  const signIn = createSignIn({ api, store, router, drafts, onSignedIn });
  /** Continues with everything that was rejected or waits while this browser was signed out. */
  function onSignedIn() {
    const { view, problem, list: sessionList } = store.state;
    retrier.retryNow();
    store.set({ signedOut: null });
    void config.ensureConfig();
    void config.loadPersonas();
    if (view === 'failed' && problem?.kind === 'unauthenticated') void sessions.reload();
    if ((sessionList.shown || sessionList.docked) && sessionList.problem?.kind === 'unauthenticated')
      void list.refresh();
  }

  const expiry = createExpiryTimer({
    clock,
    timers,
    onRemaining: (remainingMs) => store.set({ remainingMs }),
    onExpired: () => void conversation.catchUp(),
  });
  conversation.onOpened((session) => {
    router.saveLastVisit(session);
    // Fails while the service is unreachable, so it is tried again.
    void config.ensureConfig();
    turns.restore(session);
  });
  tabs.onChanged((sessionId) => {
    drafts.restore();
    void conversation.reopen();
    if (store.state.session?.sessionId === sessionId) {
      // The event stream reports what is stored.
      const caughtUp = store.state.live === 'on' ? Promise.resolve() : conversation.catchUp();
      void caughtUp.then(turns.sync);
    }
    list.refreshShown();
  });

  async function openFirst() {
    const inAddress = router.currentUserId();
    if (await firstMessages.resume(inAddress === null)) return;
    const userId = inAddress ?? router.lastVisit()?.userId ?? null;
    if (userId !== null) await sessions.open(userId, { replace: true });
    else if (store.state.view === 'loading') store.set({ view: 'welcome' });
  }

  return {
    store,
    drafts,
    clock,
    list,

    /**
     * Opens the session in the address, or else goes on with a first message, or else opens the session of the last visit.
     * Without any, the page shows the welcome view.
     */
    async start() {
      await storage.recover();
      drafts.prune();
      firstMessages.restore();
      store.set({ ready: true });
      store.watch(['session', 'view'], ({ session, view }) =>
        expiry.start(view === 'open' && session ? session.expiresAt : null),
      );
      turns.start();
      live.start();
      followOpenSession({ store, list, timers });
      ownerNotice.start();
      await Promise.all([config.ensureConfig(), config.loadPersonas(), openFirst()]);
    },

    /** Follows the events of the browser's window and of its page. */
    listen: (/** @type {Window} */ scope, /** @type {Document} */ page) =>
      listenToPage(scope, page, {
        store,
        retrier,
        drafts,
        router,
        conversation,
        deletions,
        live,
        list,
        open: sessions.open,
        close,
        checkAccess: signIn.check,
      }),

    loadPersonas: config.loadPersonas,

    openSession: sessions.open,
    createSession: sessions.create,
    recreateSession: sessions.recreate,
    extendSession: sessions.extend,
    removeSession: sessions.remove,
    undoRemoval: sessions.undoRemoval,
    reload: sessions.reload,
    signIn: signIn.open,
    dismissOwnerNotice: ownerNotice.dismiss,

    hrefOf: router.hrefOf,
    exportUrl: api.exportUrl,
    /** Loads the part for all sessions at once, which few visits need. */
    async loadSessionData() {
      const { createSessionData } = await import('./session-data.js');
      return createSessionData({ api, retrier, timers, clock, onDeleted: onDeletedWithOthers });
    },

    /** Returns true if the session can be exported; otherwise the list shows the error, which a link alone could not. */
    checkExport: (/** @type {string} */ userId) => list.report(() => api.getSession(userId)),
    checkOpenExport: sessions.checkExport,

    choosePersona: firstMessages.choosePersona,

    /** Hands a message over to the outbox, which stores it, and then removes the draft. The first message creates its session. */
    send(/** @type {string} */ content) {
      const { session, view } = store.state;
      if (view === 'welcome') {
        const sent = firstMessages.send(content);
        drafts.clearIfSent(NO_SESSION, content);
        return sent;
      }
      if (!session || view === 'starting') return Promise.resolve();
      const sent = turns.send(session, content);
      drafts.clearIfSent(session.userId, content);
      return sent;
    },

    retry: (/** @type {string} */ requestId) =>
      firstMessages.has(requestId) ? firstMessages.retry(requestId) : turns.retry(requestId),
    stop: turns.stop,
    discard: (/** @type {string} */ requestId) =>
      firstMessages.has(requestId) ? firstMessages.discard(requestId) : turns.discard(requestId),
    loadOlder: conversation.loadOlder,
    loadAll: conversation.loadAll,
    retryNow: retrier.retryNow,
    showNotice: (/** @type {string} */ notice) => store.set({ notice }),
    dismissNotice: () => store.set({ notice: null }),

    showList: list.show,
  };
}
