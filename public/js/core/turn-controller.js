// Turns of the open session and of those in the background: sends messages, follows their replies, stops and requests them again.
// @ts-check

import { ApiError, turnCancelled } from './api-error.js';
import { messageKey, replyKey } from './message-rows.js';
import { createOutbox } from './outbox.js';
import { createPendingReplies, isPending } from './pending-replies.js';
import { createWatchedTurn } from './watched-turn.js';
import { NOTICES } from './words/errors.js';

/** Failed attempts to read the event stream from which a reply counts as lost. Before, a service may be restarting. */
const MAX_SILENT_ATTEMPTS = 4;

/** @param {TurnControllerDeps} deps @returns {TurnController} */
export function createTurnController({
  api,
  store,
  storage,
  retrier,
  timers,
  clock,
  conversation,
  tabs,
  newId,
  onStreamLost,
}) {
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
        } else if (event.type === 'cut') interrupt(delivery, event.problem);
    }
    // Other tabs show what is stored, and must learn of failures too.
    tabs.notify(delivery.sessionId);
  }

  /** Goes on with the event stream after a chat stream was lost, or records the error of the turn. */
  function interrupt(/** @type {Delivery} */ delivery, /** @type {ApiError} */ problem) {
    const isLost = problem.retryable && problem.reason !== 'MODEL_UNAVAILABLE';
    if (isLost && replies.find(store.state.session)?.requestId === delivery.requestId) {
      replies.hold(delivery, problem);
      watched.resume();
      onStreamLost();
    } else {
      if (!isLost) watched.end(delivery.requestId);
      replies.interrupt(delivery, problem);
    }
  }

  const outbox = createOutbox({
    api,
    storage,
    retrier,
    timers,
    newId,
    tabs,
    untilIdle,
    onChange: () => publishUnsent(),
    onEvent: follow,
  });
  const publishUnsent = () => {
    const { session, view } = store.state;
    // A first message is shown before the outbox has it.
    if (view !== 'starting') store.set({ unsent: session ? outbox.list(session.userId) : [] });
  };

  const watched = createWatchedTurn({ store, replies, isReading: outbox.isDelivering, onEnd: retryQueued });

  /**
   * Resolves when no turn is known to run in the session of a delivery, but for those that this tab requests in order. If the
   * session is not watched, the service tells.
   */
  function untilIdle(/** @type {Delivery} */ { userId }) {
    const isIdle = (/** @type {State} */ { session, turn, live }) =>
      live === 'off' || session?.userId !== userId || !turn || !isPending(turn) || outbox.isEnqueued(turn.requestId);
    return new Promise((resolve) => {
      if (isIdle(store.state)) return resolve(undefined);
      const remove = store.watch(['session', 'turn', 'live'], (state) => {
        if (!isIdle(state)) return;
        remove();
        resolve(undefined);
      });
    });
  }

  /** Sends the message that was rejected because of a turn in progress. */
  function retryQueued() {
    if (store.state.wait?.reason === 'TURN_IN_PROGRESS') retrier.retryNow();
  }

  /** Completes the turn if its reply has come with the history or the event stream. */
  function completeFromHistory(/** @type {State} */ { turn, messages }) {
    if (!turn || (turn.state === 'streaming' && outbox.isDelivering(turn.requestId))) return;
    if (!messages.some(({ seq, role }) => seq > turn.seq && role === 'assistant')) return;
    replies.complete(turn);
    retryQueued();
  }

  /** Restores the turn that another tab or an earlier visit has stored. */
  function restoreTurn() {
    const { session, view, messages } = store.state;
    if (view === 'open' && session) replies.restore(session, messages.at(-1));
  }

  const isCurrent = (/** @type {Turn} */ turn) => replies.find(turn)?.requestId === turn.requestId;

  /** Shows that a reply was stopped, with the text that the service has stored. */
  function showStopped(/** @type {Turn} */ turn, /** @type {Message | null} */ message) {
    watched.end(turn.requestId);
    if (message) {
      conversation.add(turn, { ...message, finish: 'cancelled', key: replyKey(turn.requestId) });
      replies.complete(turn);
    } else replies.interrupt(turn, turnCancelled());
    outbox.endStream(turn.requestId);
    tabs.notify(turn.sessionId);
  }

  return {
    /** Starts to follow the open session. */
    start() {
      store.watch(['turn', 'messages'], completeFromHistory);
      watched.start();
      store.watch(['view'], ({ view, session, problem }) => {
        if (view === 'gone' && session && problem) outbox.end(session.userId, problem);
      });
    },

    onSnapshot: watched.onSnapshot,
    onTurn: watched.onTurn,
    onDelta: watched.onDelta,

    /** Returns the key of a message's row, if it is one that this tab is sending. */
    keyOf({ role, content }) {
      const { unsent } = store.state;
      const entry = unsent.find((unsentEntry) => outbox.isDelivering(unsentEntry.requestId));
      return role === 'user' && entry?.content === content ? messageKey(entry.requestId) : undefined;
    },

    /** Records that the event stream cannot be read. After some attempts, the user decides whether to wait. */
    onDisconnected(attempts) {
      const { turn } = store.state;
      if (!turn || !isPending(turn) || outbox.isDelivering(turn.requestId)) return;
      const problem = turn.problem ?? new ApiError({});
      if (attempts < MAX_SILENT_ATTEMPTS) replies.hold(turn, problem);
      else replies.giveUp(turn, problem);
    },

    /** Shows the turn and the unsent messages of a session that was opened. */
    restore(session) {
      restoreTurn();
      publishTurn();
      outbox.restore(session);
      publishUnsent();
    },

    send: outbox.add,

    /** Removes an unsent message, also in other tabs that have restored it. Returns its text. */
    discard(requestId) {
      const content = outbox.discard(requestId);
      if (store.state.session) tabs.notify(store.state.session.sessionId);
      return content;
    },

    /** Takes over what another tab has stored or removed. */
    sync() {
      if (store.state.session) outbox.sync(store.state.session.userId);
      restoreTurn();
    },

    retarget: outbox.retarget,

    /** Sends a failed message again, or requests the reply to a stored one again. */
    retry(requestId) {
      const { session, turn } = store.state;
      if (turn?.requestId !== requestId) return session ? outbox.retry(requestId, session) : Promise.resolve();
      replies.wait(turn);
      return outbox.requestReply(turn, () => isCurrent(turn));
    },

    /** Stops the running turn. The service stores the reply as far as it has come. */
    async stop() {
      const { turn } = store.state;
      if (turn?.state !== 'streaming' || turn.isStopping) return;
      replies.setStopping(turn, true);
      const cancel = async () =>
        isCurrent(turn)
          ? await api.cancelChat(turn.userId, turn.isAnonymous ? null : turn.requestId)
          : { cancelled: false, message: null };
      try {
        const { cancelled, message } = await retrier.run(cancel, { untilSignedIn: true });
        if (cancelled) return showStopped(turn, message);
        // The turn has ended in the meantime.
        replies.setStopping(turn, false);
        if (isCurrent(turn)) onStreamLost();
      } catch (problem) {
        replies.setStopping(turn, false);
        if (problem.kind === 'gone') conversation.end(turn.userId, problem);
        else store.set({ notice: `${NOTICES.notStopped} ${problem.explanation}` });
      }
    },

    /** Removes the unsent messages and pending turns of a deleted session. */
    removeAll(userId) {
      outbox.removeAll(userId);
      replies.removeAll(userId);
    },
  };
}
