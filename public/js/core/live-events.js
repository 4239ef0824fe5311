// Applies the events of the open session's stream to the state of the page.
// @ts-check

import { ApiError } from './api-error.js';

/**
 * Returns a function that applies an event. It returns false if the event does not fit what is known.
 *
 * @param {Pick<Deps, 'store' | 'clock' | 'conversation' | 'turns'>} deps
 */
export function createLiveEvents({ store, clock, conversation, turns }) {
  function observe(/** @type {number} */ serverMs) {
    if (!Number.isNaN(serverMs)) clock.observe(serverMs);
  }

  function update(/** @type {Partial<Session>} */ fields) {
    const { session } = store.state;
    if (session) store.set({ session: { ...session, ...fields } });
  }

  /** @returns {boolean} */
  return function apply(/** @type {LiveEvent} */ event, /** @type {boolean} */ isResumed) {
    const session = /** @type {Session} */ (store.state.session);
    switch (event.type) {
      case 'snapshot': {
        observe(event.serverMs);
        const known = store.state.messages.at(-1)?.seq ?? 0;
        const isReplaced = event.session.sessionId !== session.sessionId;
        // With fewer messages than are known, it was created again in the second in which it was deleted.
        if (isReplaced || (event.hasGap && event.session.messageCount < known)) void conversation.open(session.userId);
        else {
          const fits = turns.onSnapshot(event);
          // A stream that goes on from a cursor sends the missing messages itself.
          if (isResumed && !event.hasGap) update(event.session);
          else void conversation.update(event.session);
          return fits;
        }
        return true;
      }
      case 'message':
        conversation.add(session, { ...event.message, key: turns.keyOf(event.message) });
        return true;
      case 'turn':
        turns.onTurn(event);
        return true;
      case 'delta':
        return turns.onDelta(event);
      case 'session':
        update(event.session);
        return true;
      case 'expiring':
        update({ expiresAt: event.expiresAt });
        return true;
      case 'ended':
        conversation.end(session.userId, new ApiError({ status: 404, reason: 'SESSION_NOT_FOUND' }));
        // It may have been created again in the meantime.
        if (event.reason === 'deleted') void conversation.reopen();
        return true;
      default:
        observe(event.serverMs);
        return true;
    }
  };
}
