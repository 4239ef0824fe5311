// Messages on their way: one request id each, minted once and kept over every retry, stored until the server has accepted them.

import { storedProblem } from './api-error.js';

const PREFIX = 'nono:outbox:';
const KEEP_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * An entry is `{request_id, user_id, session_id, content, created_at, state, problem}`; `state` is `sending` or `failed`.
 *
 * @param {{api: object, storage: object, patience: object, timers: object, newId: () => string,
 *   onChange: () => void, onEvent: (entry: object, event: object) => void}} deps
 */
export function createOutbox({ api, storage, patience, timers, newId, onChange, onEvent }) {
  const entries = new Map();
  /** One message at a time per session: the order of sending is the order of the conversation. */
  const queues = new Map();
  /** user_id to what ends the stream of the reply that is being read. */
  const streams = new Map();

  function keep(entry) {
    entries.set(entry.request_id, entry);
    storage.write(PREFIX + entry.request_id, entry);
    onChange();
  }

  function forget(requestId) {
    entries.delete(requestId);
    storage.remove(PREFIX + requestId);
    onChange();
  }

  function queue(entry, isWanted) {
    const before = queues.get(entry.user_id) ?? Promise.resolve();
    const after = before.then(() => deliver(entry, isWanted));
    queues.set(entry.user_id, after);
    return after;
  }

  /** `request_id` says which; the entry as it is kept now may be meant for another session than before. */
  const queueEntry = ({ request_id: id }) => queue(entries.get(id), () => entries.get(id)?.state === 'sending');

  /** Sends until the server has accepted. From then on the message is safe, and a lost reply is for the person to ask for again. */
  async function deliver(entry, isWanted) {
    const stream = new AbortController();
    let accepted = false;

    async function attempt() {
      // Given up meanwhile, or its session deleted: a later attempt must not reach another session of that name.
      if (!isWanted()) return;
      const message = { userId: entry.user_id, content: entry.content, requestId: entry.request_id };
      for await (const event of api.send(message, stream.signal)) {
        if (event.type === 'accepted') {
          accepted = true;
          streams.set(entry.user_id, stream);
        }
        onEvent(entry, event);
        if (event.type === 'accepted') forget(entry.request_id);
      }
    }

    try {
      await patience.run(() =>
        attempt().catch((problem) => {
          if (!accepted) throw problem;
          if (!stream.signal.aborted) onEvent(entry, { type: 'cut', problem });
        }),
      );
    } catch (problem) {
      if (entries.has(entry.request_id)) fail(entry, problem);
      else if (isWanted()) onEvent(entry, { type: 'cut', problem });
    } finally {
      if (streams.get(entry.user_id) === stream) streams.delete(entry.user_id);
    }
  }

  function fail(entry, problem) {
    keep({ ...entry, state: 'failed', problem });
    onEvent(entry, { type: 'failed', problem });
  }

  return {
    /** Takes a message over from the composer and sends it after those before it. */
    add(session, content) {
      const entry = {
        request_id: newId(),
        user_id: session.user_id,
        session_id: session.session_id,
        content,
        created_at: new Date(timers.now()).toISOString(),
        state: 'sending',
      };
      keep(entry);
      return queueEntry(entry);
    },

    /** The same message with the same request id once more, to the session that now bears the name. */
    retry(requestId, session) {
      const entry = entries.get(requestId);
      if (entry?.state !== 'failed') return Promise.resolve();
      keep({ ...entry, session_id: session.session_id, state: 'sending', problem: null });
      return queueEntry(entry);
    },

    /** Asks for the reply to a message that is stored, with the message's own request id, while `isWanted` answers true. */
    resume: (turn, isWanted) => queue(turn, isWanted),

    /** Reads no further in the reply that is streaming. The server finishes it all the same. */
    stop: (userId) => streams.get(userId)?.abort(),

    /** Gives up on a message that has not been accepted. Returns its text. */
    discard(requestId) {
      const content = entries.get(requestId)?.content ?? '';
      forget(requestId);
      return content;
    },

    of: (userId) => [...entries.values()].filter((entry) => entry.user_id === userId),

    /**
     * Takes up what an earlier visit left behind for this session and sends it: the request id makes that safe.
     * What was meant for an earlier session of the same name is shown as failed instead, and is the person's to decide.
     */
    restore(session) {
      for (const key of storage.keys(PREFIX)) {
        const stored = storage.read(key);
        if (!(Date.parse(stored?.created_at) > timers.now() - KEEP_MS)) storage.remove(key);
        else if (stored.user_id === session.user_id && !entries.has(stored.request_id)) {
          const same = stored.session_id === session.session_id;
          keep({ ...stored, state: same ? stored.state : 'failed', problem: same ? storedProblem(stored.problem) : null });
          if (same && stored.state === 'sending') queueEntry(stored);
        }
      }
    },

    /** The session was started again: what had failed to reach the old one goes to the new one. */
    readdress(session) {
      const moved = this.of(session.user_id).filter((entry) => entry.state === 'failed');
      for (const entry of moved) keep({ ...entry, session_id: session.session_id, state: 'sending', problem: null });
      return Promise.all(moved.map(queueEntry));
    },

    /** The session was deleted by hand, and what was never sent with it. */
    clear(userId) {
      for (const entry of this.of(userId)) forget(entry.request_id);
    },
  };
}
