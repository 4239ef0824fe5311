// Replies in the making, at most one per session: what of them can be shown, and which message still waits for one, also after a refresh.

import { storedProblem } from './api-error.js';

const PREFIX = 'nono:turn:';
const KEEP_MS = 24 * 60 * 60 * 1000;
/** A reply that was asked for longer ago is not on its way any more. */
const ON_ITS_WAY_MS = 5 * 60_000;

/**
 * A turn is `{request_id, user_id, session_id, content, seq, text, started_at, state, problem}`: the message by its `content` and
 * `seq`, the reply by its `text`. `state` is `streaming`, `waiting` (asked for and not heard of yet), `stopped` (not shown any
 * further, by wish), `cut` (the connection was lost, or no reply came in time) or `failed` (the service said why).
 *
 * @param {{storage: object, timers: object, clock: object, onChange: (userId: string) => void}} deps
 */
export function createTurns({ storage, timers, clock, onChange }) {
  const turns = new Map();
  /** Text that waits for the next frame, by request id. */
  const heard = new Map();
  let frame = null;

  function put(turn) {
    turns.set(turn.user_id, turn);
    onChange(turn.user_id);
  }

  const same = (entry) => {
    const turn = turns.get(entry.user_id);
    return turn?.request_id === entry.request_id ? turn : null;
  };

  function current(session) {
    const turn = turns.get(session?.user_id);
    return turn && turn.session_id === session.session_id ? turn : null;
  }

  function change(entry, patch) {
    draw();
    const turn = same(entry);
    if (turn) put({ ...turn, ...patch });
  }

  function draw() {
    frame = null;
    for (const turn of [...turns.values()]) {
      const more = heard.get(turn.request_id);
      if (!more) continue;
      heard.delete(turn.request_id);
      put({ ...turn, text: (turn.fresh ? '' : turn.text) + more, fresh: false });
    }
    heard.clear();
  }

  /** What a later visit, and another tab of this one, need to go on from. */
  function keep({ request_id, user_id, session_id, content, seq, accepted_at }, problem = null) {
    storage.write(PREFIX + request_id, { request_id, user_id, session_id, content, seq, accepted_at, problem });
  }

  function drop(turn) {
    turns.delete(turn.user_id);
    heard.delete(turn.request_id);
    storage.remove(PREFIX + turn.request_id);
    onChange(turn.user_id);
  }

  return {
    /** The turn of this very session, or null. */
    of: current,

    /** The message is stored, the reply begins. What an earlier attempt brought stays until there is something newer. */
    begin({ request_id, user_id, session_id, content }, { seq }) {
      const { text = '' } = same({ user_id, request_id }) ?? {};
      const turn = { request_id, user_id, session_id, content, seq, accepted_at: timers.now() };
      keep(turn);
      put({ ...turn, text, started_at: new Date(clock.now()).toISOString(), fresh: true, state: 'streaming', problem: null });
    },

    /** Shown with the next frame: a fast model speaks more often than a screen is drawn. */
    grow({ request_id: requestId }, text) {
      heard.set(requestId, (heard.get(requestId) ?? '') + text);
      frame ??= timers.frame(draw);
    },

    /** A lost connection says nothing of the reply; a refusal is the service's own word, and is kept. */
    cut(entry, problem) {
      const failed = problem.status !== 0;
      const turn = same(entry);
      if (failed && turn) keep(turn, problem);
      change(entry, { state: failed ? 'failed' : 'cut', problem });
    },
    stop: (entry) => change(entry, { state: 'stopped', problem: null }),
    /** It is asked for once more. */
    wait(turn) {
      keep({ ...turn, accepted_at: timers.now() });
      change(turn, { state: 'waiting', problem: null });
    },
    /** No reply came for as long as somebody looked. */
    giveUp: (entry) => change(entry, { state: 'cut', problem: null }),

    /** The reply is stored. */
    done(entry) {
      const turn = same(entry);
      if (turn) drop(turn);
    },

    /** The session is no more, nor is anything that waited for a reply in it. */
    clear(userId) {
      const turn = turns.get(userId);
      if (turn) drop(turn);
      for (const stored of storedTurns(userId)) storage.remove(PREFIX + stored.request_id);
    },

    /** Takes up what an earlier visit or another tab was waiting for, if it is the newest message and still without a reply. */
    restore(session, newest) {
      for (const stored of storedTurns(session.user_id)) {
        const age = timers.now() - stored.accepted_at;
        const sameSession = stored.session_id === session.session_id;
        if (!sameSession || !(age < KEEP_MS) || newest?.seq > stored.seq) storage.remove(PREFIX + stored.request_id);
        else if (newest?.seq === stored.seq && newest.role === 'user') takeUp(stored, newest, age, current(session));
      }
    },
  };

  /** `known` is what this page has of the turn already: its own ears come before what another tab noted. */
  function takeUp(stored, newest, age, known) {
    if (['streaming', 'stopped'].includes(known?.state)) return;
    const problem = storedProblem(stored.problem);
    if (known && (known.state === 'failed') === (problem !== null)) return;
    const state = problem ? 'failed' : age < ON_ITS_WAY_MS ? 'waiting' : 'cut';
    put({ ...stored, text: known?.text ?? '', started_at: newest.timestamp, state, problem });
  }

  function storedTurns(userId) {
    return storage.keys(PREFIX).flatMap((key) => {
      const stored = storage.read(key);
      return stored?.user_id === userId ? [stored] : [];
    });
  }
}
