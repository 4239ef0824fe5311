// Turns whose reply is not stored yet, at most one per session. They are stored, so that a later visit can go on from them.
// @ts-check

import { restoreError } from './api-error.js';

const PREFIX = 'nono:turn:';
const TTL_MS = 24 * 60 * 60 * 1000;
/** A reply that was requested longer ago is not expected any more. */
const EXPECTED_MS = 5 * 60_000;

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

  /** Restores a stored turn, unless this tab knows more of it than another tab has stored. */
  function takeOver(/** @type {any} */ stored, /** @type {Message} */ newest, /** @type {Turn | null} */ known) {
    if (known && ['streaming', 'stopped'].includes(known.state)) return;
    const problem = restoreError(stored.problem);
    if (known && (known.state === 'failed') === (problem !== null)) return;
    const isExpected = timers.now() - stored.acceptedAt < EXPECTED_MS;
    const state = problem ? 'failed' : isExpected ? 'waiting' : 'cut';
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

    /** Records that the stream ended early. Errors of the service are stored; a lost connection says nothing about the reply. */
    interrupt(id, problem) {
      const isFailure = problem.status !== 0;
      const turn = byId(id);
      if (isFailure && turn) save(turn, problem);
      update(id, { state: isFailure ? 'failed' : 'cut', problem });
    },

    stop: (id) => update(id, { state: 'stopped', problem: null }),

    /** Records that the reply was requested again. */
    wait(turn) {
      save({ ...turn, acceptedAt: timers.now() });
      update(turn, { state: 'waiting', problem: null });
    },

    /** Records that no reply came in time. */
    timeOut: (id) => update(id, { state: 'cut', problem: null }),

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
