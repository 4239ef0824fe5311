// Actions on sessions: opens, creates, extends and deletes them.
// @ts-check

import { NO_SESSION } from './drafts.js';
import { NOTICES } from './words/errors.js';

/** @param {SessionActionsDeps} deps @returns {SessionActions} */
export function createSessionActions({
  api,
  store,
  retrier,
  drafts,
  router,
  tabs,
  conversation,
  turns,
  deletions,
  newId,
}) {
  /** Takes the text of the first screen along to the session that is opened. */
  function takeDraftAlong(/** @type {string} */ userId) {
    if (store.state.view === 'welcome') drafts.move(NO_SESSION, userId);
  }

  async function open(/** @type {string} */ userId, { replace = false } = {}) {
    deletions.undo(userId);
    takeDraftAlong(userId);
    drafts.detach();
    router.navigate(userId, { replace });
    store.set({ isUnknownAddress: router.lastVisit()?.userId !== userId });
    await conversation.open(userId);
  }

  function close() {
    drafts.detach();
    router.navigate(null);
    conversation.close();
  }

  /**
   * Creates a session and shows it, or opens the one that has the name.
   *
   * @param {{userId: string, persona?: string, ifExists?: 'fail' | 'return', requestId: string, signal?: AbortSignal,
   *   onWaitChange?: WaitListener}} options
   */
  async function create({ userId, persona, ifExists, requestId, signal, onWaitChange }) {
    await deletions.commit(userId);
    const call = () => api.createSession({ userId, persona, ifExists, requestId }, signal);
    const session = await retrier.run(call, { signal, onWaitChange });
    if (session.created) {
      takeDraftAlong(userId);
      if (store.state.session?.userId !== userId) drafts.detach();
      conversation.showCreated(session);
      router.navigate(userId);
      tabs.notify(session.sessionId);
    } else await open(session.userId);
    return session;
  }

  return {
    open,
    close,
    create,

    async reload() {
      if (store.state.session) await conversation.open(store.state.session.userId);
    },

    /** Creates a session that has ended again, with the same name and persona, and sends its unsent messages. */
    async recreate() {
      const { session } = store.state;
      if (!session) return;
      const { userId } = session;
      const lastVisit = router.lastVisit();
      const persona = session.persona || (lastVisit?.userId === userId ? lastVisit.persona : undefined);
      try {
        await create({ userId, persona, ifExists: 'return', requestId: newId() });
        if (store.state.session) await turns.retarget(store.state.session);
      } catch (problem) {
        store.set({ notice: `${NOTICES.notStarted} ${problem.explanation}` });
      }
    },

    /** Extends the lifetime of the open session. */
    async extend() {
      const { session } = store.state;
      if (!session) return;
      try {
        const extended = await retrier.run(() => api.touchSession(session.userId));
        if (store.state.session?.sessionId === extended.sessionId) store.set({ session: extended });
        tabs.notify(extended.sessionId);
      } catch (problem) {
        if (problem.kind === 'gone') conversation.end(session.userId, problem);
        else store.set({ notice: `${NOTICES.notKept} ${problem.explanation}` });
      }
    },

    /** Returns true if the open session can be exported. Shows the error otherwise. */
    async checkExport(userId) {
      try {
        await retrier.run(() => api.getSession(userId));
        return true;
      } catch (problem) {
        if (problem.kind === 'gone') conversation.end(userId, problem);
        else store.set({ notice: `${NOTICES.notExported} ${problem.explanation}` });
        return false;
      }
    },

    /** Deletes a session once the time for undo has ended. */
    remove(session) {
      const wasOpen = store.state.session?.userId === session.userId;
      deletions.start(session, { wasOpen });
      if (wasOpen) close();
    },

    /** Undoes a deletion. Opens the session again if it was open and no other was opened in the meantime. */
    async undoRemoval(userId) {
      if (deletions.undo(userId)?.wasOpen && store.state.view === 'welcome') await open(userId);
    },
  };
}
