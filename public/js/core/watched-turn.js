// The running turn of the open session, as its event stream reports it: shows its reply unless this tab reads the chat stream.
// @ts-check

import { ApiError, turnCancelled } from './api-error.js';
import { emptyText, splice } from './growing-text.js';

/** @param {WatchedTurnDeps} deps @returns {WatchedTurn} */
export function createWatchedTurn({ store, replies, isReading, onEnd }) {
  /** @type {{seq: number, requestId: string, reply: GrowingText} | null} */
  let running = null;
  /** The number of messages at the last snapshot, until they are all loaded and the snapshot has been compared with the turn. */
  let settleAt = Infinity;
  /** The turn whose end was reported last. */
  let ended = '';
  /** The turn whose end is known from its chat stream or from a cancellation. Events before it may still arrive. */
  let endedHere = '';

  const lastSeq = () => store.state.messages.at(-1)?.seq ?? 0;
  const isStored = (/** @type {number} */ seq) =>
    store.state.messages.some((message) => message.seq >= seq && message.role === 'assistant');
  /** Returns the id of a turn. A caller may have sent none. */
  const idOf = (/** @type {{seq: number, requestId: string}} */ { seq, requestId }) => requestId || `turn:${seq}`;

  /** Returns the pending turn if it has this id and this tab does not read its chat stream. */
  function watched(/** @type {string} */ requestId) {
    const { turn } = store.state;
    return turn?.requestId === requestId && !isReading(requestId) ? turn : null;
  }

  /** Shows the running turn once its message is loaded, until its reply is stored. */
  function show() {
    const { session, messages, live } = store.state;
    // Without a stream, the turn may be one of another session.
    if (!running || !session || live !== 'on' || isStored(running.seq)) return;
    const requestId = idOf(running);
    const message = messages.find(({ seq }) => seq === Number(running?.seq) - 1);
    if (!message || requestId === endedHere || isReading(requestId)) return;
    const { userId, sessionId } = session;
    const { content, seq } = message;
    const isAnonymous = running.requestId === '';
    replies.follow({ requestId, userId, sessionId, content, seq, isAnonymous }, running.reply.text);
  }

  /** Records that a pending turn is not running, once all messages of the last snapshot are loaded and none is its reply. */
  function settle() {
    const { turn, live } = store.state;
    if (live !== 'on' || lastSeq() < settleAt) return;
    settleAt = Infinity;
    if (!turn || turn.requestId === (running && idOf(running)) || !watched(turn.requestId)) return;
    // That the connection was lost does not matter any more.
    replies.giveUp(turn, turn.problem?.status ? turn.problem : null);
  }

  return {
    start: () =>
      void store.watch(['messages'], () => {
        show();
        settle();
      }),

    onSnapshot({ session, turn }) {
      settleAt = session.messageCount;
      endedHere = '';
      const isSame = turn && running && turn.seq === running.seq && turn.requestId === running.requestId;
      const known = isSame && turn.offset > 0 ? running?.reply : emptyText();
      const reply = turn && splice(known ?? emptyText(), turn.offset, turn.text);
      running = turn && reply && { seq: turn.seq, requestId: turn.requestId, reply };
      if (turn && !reply) return false;
      show();
      settle();
      return true;
    },

    onTurn({ state, seq, requestId, problem }) {
      const id = idOf({ seq, requestId });
      if (!running || idOf(running) !== id) {
        // The end of an earlier turn is late.
        if (running && seq < running.seq) return;
        running = { seq, requestId, reply: emptyText() };
      }
      show();
      ended = state === 'running' ? '' : id;
      if (state === 'running') return;
      running = null;
      if (id === endedHere) endedHere = '';
      const turn = watched(id);
      if (turn && state === 'failed') replies.interrupt(turn, problem ?? new ApiError({ status: 503 }));
      else if (turn && state === 'lost') replies.giveUp(turn);
      else if (turn && state === 'cancelled' && !isStored(seq)) replies.interrupt(turn, turnCancelled());
      onEnd();
    },

    onDelta({ seq, offset, text }) {
      // A turn whose reply is stored has ended. One that is unknown has begun before the stream.
      if (running?.seq !== seq) return isStored(seq);
      const reply = splice(running.reply, offset, text);
      if (!reply) return false;
      running = { ...running, reply };
      show();
      return true;
    },

    /** Goes on with a reply whose chat stream was lost. */
    resume: show,

    /** Records that a turn has ended. */
    end(requestId) {
      if (requestId !== ended) endedHere = requestId;
    },
  };
}
