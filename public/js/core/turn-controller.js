// Turns of the open session and of those in the background: sends messages, follows their replies and requests lost ones again.
// @ts-check

import { messageKey, replyKey } from './message-rows.js';
import { createOutbox } from './outbox.js';
import { createPendingReplies } from './pending-replies.js';
import { createReplyPoller } from './reply-poller.js';

/** @param {TurnControllerDeps} deps @returns {TurnController} */
export function createTurnController({ api, store, storage, retrier, timers, clock, conversation, tabs, newId }) {
  const replies = createPendingReplies({
    storage,
    timers,
    clock,
    onChange: (userId) => {
      if (store.state.session?.userId === userId) publishTurn();
    },
  });
  const publishTurn = () => store.set({ turn: replies.find(store.state.session) });

  /** Updates the turn and the conversation, if its session is open, after an event of a delivery. */
  function follow(/** @type {Delivery} */ delivery, /** @type {DeliveryEvent} */ event) {
    switch (event.type) {
      case 'accepted':
        conversation.add(delivery, { ...event.message, key: messageKey(delivery.requestId) });
        replies.start(delivery, event.message);
        break;
      case 'delta':
        return replies.append(delivery, event.text);
      case 'done':
        conversation.add(delivery, { ...event.message, finish: event.finishReason, key: replyKey(delivery.requestId) });
        replies.complete(delivery);
        break;
      default:
        if (event.problem.kind === 'gone') {
          replies.complete(delivery);
          conversation.end(delivery.userId, event.problem);
        } else if (event.type === 'cut') replies.interrupt(delivery, event.problem);
    }
    // Other tabs show what is stored, and must learn of failures too.
    tabs.notify(delivery.sessionId);
  }

  const outbox = createOutbox({
    api,
    storage,
    retrier,
    timers,
    newId,
    onChange: () => publishUnsent(),
    onEvent: follow,
  });
  const publishUnsent = () => {
    const { session } = store.state;
    store.set({ unsent: session ? outbox.list(session.userId) : [] });
  };

  const poller = createReplyPoller({
    timers,
    poll: () => conversation.catchUp(),
    onTimeout: () => store.state.turn && replies.timeOut(store.state.turn),
  });

  /** Completes the turn if its reply has come with the history. */
  function completeFromHistory(/** @type {State} */ { turn, messages }) {
    if (!turn || turn.state === 'streaming') return;
    if (!messages.some(({ seq, role }) => seq > turn.seq && role === 'assistant')) return;
    replies.complete(turn);
    if (store.state.wait?.reason === 'TURN_IN_PROGRESS') retrier.retryNow();
  }

  /** Restores the turn that another tab or an earlier visit has stored. */
  function restoreTurn() {
    const { session, view, messages } = store.state;
    if (view === 'open' && session) replies.restore(session, messages.at(-1));
  }

  return {
    /** Starts to watch for replies that do not stream to this tab. */
    start() {
      store.watch(['turn', 'messages'], completeFromHistory);
      store.watch(['view', 'session', 'messages', 'turn', 'signedOut'], (state) => poller.update(state, clock.now()));
    },

    restoreTurn,

    /** Shows the turn and the unsent messages of a session that was opened. */
    restore(session) {
      restoreTurn();
      publishTurn();
      outbox.restore(session);
      publishUnsent();
    },

    send: outbox.add,
    discard: outbox.discard,
    retarget: outbox.retarget,

    /** Sends a failed message again, or requests the reply to a stored one again. */
    retry(requestId) {
      const { session, turn } = store.state;
      if (turn?.requestId !== requestId) return session ? outbox.retry(requestId, session) : Promise.resolve();
      replies.wait(turn);
      return outbox.requestReply(turn, () => replies.find(turn)?.requestId === requestId);
    },

    /** Stops showing the reply that is streaming. The service completes and stores it. */
    stop() {
      const { turn } = store.state;
      if (turn?.state !== 'streaming') return;
      replies.stop(turn);
      outbox.stop(turn.userId);
    },

    /** Removes the unsent messages and pending turns of a deleted session. */
    removeAll(userId) {
      outbox.removeAll(userId);
      replies.removeAll(userId);
    },
  };
}
