// Turns whose reply is not stored yet, at most one per session. They are stored, so that a later visit can go on from them.
// @ts-check

import { restoreError } from './api-error.js';

const PREFIX = 'nono:turn:';
const TTL_MS = 24 * 60 * 60 * 1000;

/** @param {PendingRepliesDeps} deps @returns {PendingReplies} */
export function createPendingReplies({ storage, timers, clock, onChange }) {
  /** @type {Map<string, Turn>} user id to turn */
  const turns = new Map();
  /** @type {Map<string, string>} request id to text that is shown with the next frame */
  const buffered = new Map();
  /** @type {unknown} */
  let frame = null;

  function put(/** @type {Turn} */ turn) {
    turns.set(turn.userId, turn);
    onChange(turn.userId);
  }

  function byId(/** @type {TurnId} */ { requestId, userId }) {
    const turn = turns.get(userId);
    return turn?.requestId === requestId ? turn : null;
  }

  /** Returns the pending turn of a session, or null. */
  function find(/** @type {Pick<Session, 'userId' | 'sessionId'> | null} */ session) {
    const turn = session && turns.get(session.userId);
    return turn && turn.sessionId === session.sessionId ? turn : null;
  }

  function update(/** @type {TurnId} */ id, /** @type {Partial<Turn>} */ patch) {
    flush();
    const turn = byId(id);
    if (turn) put({ ...turn, ...patch });
  }

  /** Adds the buffered text to its turns. */
  function flush() {
    frame = null;
    for (const turn of [...turns.values()]) {
      const text = buffered.get(turn.requestId);
      if (!text) continue;
      buffered.delete(turn.requestId);
      put({ ...turn, text: (turn.fresh ? '' : turn.text) + text, fresh: false });
    }
    buffered.clear();
  }

  /** Stores the fields from which a later visit, or another tab, can go on. */
  function save(/** @type {StoredTurn} */ turn, /** @type {ApiError | null} */ problem = null) {
    const { requestId, userId, sessionId, content, seq, acceptedAt } = turn;
    storage.write(PREFIX + requestId, { requestId, userId, sessionId, content, seq, acceptedAt, problem });
  }

  function remove(/** @type {Turn} */ turn) {
    turns.delete(turn.userId);
    buffered.delete(turn.requestId);
    storage.remove(PREFIX + turn.requestId);
    onChange(turn.userId);
  }

  /** Records that a reply ended early. Errors of the service are stored; a lost connection says nothing about the reply. */
  function interrupt(/** @type {TurnId} */ id, /** @type {ApiError} */ problem) {
    const isFailure = problem.status !== 0;
    const turn = byId(id);
    if (isFailure && turn) save(turn, problem);
    // Nothing of a cancelled reply is stored, unless it is stored as the reply.
    const text = problem.reason === 'TURN_CANCELLED' ? { text: '' } : {};
    update(id, { state: isFailure ? 'failed' : 'cut', problem, isStopping: false, ...text });
  }

  /** Restores a stored turn, unless this tab knows more of it than another tab has stored. */
  function takeOver(/** @type {any} */ stored, /** @type {Message} */ newest, /** @type {Turn | null} */ known) {
    if (known?.state === 'streaming') return;
    const problem = restoreError(stored.problem);
    if (known && (known.state === 'failed') === (problem !== null)) return;
    const state = problem ? 'failed' : 'waiting';
    put({ ...stored, text: known?.text ?? '', startedAt: newest.timestamp, state, problem });
  }

  function storedTurns(/** @type {string} */ userId) {
    return storage.keys(PREFIX).flatMap((key) => {
      const stored = storage.read(key);
      return stored?.userId === userId ? [stored] : [];
    });
  }

  return {
    find,

    /** Adds a turn whose message was stored. The text of an earlier attempt is shown until the first new text. */
    start({ requestId, userId, sessionId, content }, { seq }) {
      const { text = '' } = byId({ userId, requestId }) ?? {};
      const turn = { requestId, userId, sessionId, content, seq, acceptedAt: timers.now() };
      save(turn);
      put({
        ...turn,
        text,
        startedAt: new Date(clock.now()).toISOString(),
        fresh: true,
        state: 'streaming',
        problem: null,
      });
    },

    /** Appends text with the next frame, because a model can stream faster than the screen is painted. */
    append({ requestId }, text) {
      buffered.set(requestId, (buffered.get(requestId) ?? '') + text);
      if (frame === null) frame = timers.nextFrame(flush);
    },

    /**
     * Shows a reply that grows in the event stream. A text that is a beginning of the shown one is shown later, because the chat
     * stream is ahead of the event stream.
     */
    follow(turn, text) {
      flush();
      const known = byId(turn);
      put({
        acceptedAt: timers.now(),
        startedAt: new Date(clock.now()).toISOString(),
        ...turn,
        ...known,
        text: known?.text.startsWith(text) ? known.text : text,
        fresh: false,
        state: 'streaming',
        problem: null,
      });
    },

    /** Records that the chat stream was lost. The event stream tells whether the turn goes on. */
    hold: (id, problem) => update(id, { state: 'waiting', problem }),

    /** Records that the turn is not running, although neither a reply nor an error is known. */
    giveUp(id, problem = byId(id)?.problem ?? null) {
      const turn = byId(id);
      if (!turn || !isPending(turn)) return;
      if (problem) interrupt(id, problem);
      else update(id, { state: 'cut', problem: null });
    },

    interrupt,

    /** Records that the user has stopped the reply, or that this failed. */
    setStopping: (id, isStopping) => update(id, { isStopping }),

    /** Records that the reply was requested again. */
    wait(turn) {
      save({ ...turn, acceptedAt: timers.now() });
      update(turn, { state: 'waiting', problem: null });
    },

    /** Removes a turn whose reply is stored, or whose session is gone. */
    complete(id) {
      const turn = byId(id);
      if (turn) remove(turn);
    },

    /** Removes the turns of a deleted session. */
    removeAll(userId) {
      const turn = turns.get(userId);
      if (turn) remove(turn);
      for (const { requestId } of storedTurns(userId)) storage.remove(PREFIX + requestId);
    },

    /** Restores the turn that an earlier visit or another tab has stored, if its message is the newest one of the session. */
    restore(session, newest) {
      for (const stored of storedTurns(session.userId)) {
        const isExpired = !(timers.now() - stored.acceptedAt < TTL_MS);
        const isOutdated = newest !== undefined && newest.seq > stored.seq;
        if (stored.sessionId !== session.sessionId || isExpired || isOutdated)
          storage.remove(PREFIX + stored.requestId);
        else if (newest?.seq === stored.seq && newest?.role === 'user') takeOver(stored, newest, find(session));
      }
    },
  };
}

/** Returns true while a reply may still come by itself. */
export const isPending = (/** @type {Turn | null} */ turn) => turn?.state === 'streaming' || turn?.state === 'waiting';
