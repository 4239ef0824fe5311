// Messages on their way: one request id each, minted once and kept over every retry, stored until the server has accepted them.

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

  function keep(entry) {
    entries.set(entry.request_id, entry);
    const { problem, ...stored } = entry;
    storage.write(PREFIX + entry.request_id, stored);
    onChange();
  }

  function forget(requestId) {
    entries.delete(requestId);
    storage.remove(PREFIX + requestId);
    onChange();
  }

  function queue(entry) {
    const before = queues.get(entry.user_id) ?? Promise.resolve();
    const after = before.then(() => deliver(entry.request_id));
    queues.set(entry.user_id, after);
    return after;
  }

  async function deliver(requestId) {
    const entry = entries.get(requestId);
    if (entry?.state !== 'sending') return;
    let accepted = false;
    try {
      await patience.run(async () => {
        // Given up meanwhile, or its session deleted: a later attempt must not reach another session of that name.
        if (!accepted && !entries.has(requestId)) return;
        const message = { userId: entry.user_id, content: entry.content, requestId };
        for await (const event of api.send(message)) {
          onEvent(entry, event);
          if (event.type === 'accepted') {
            accepted = true;
            forget(requestId);
          }
        }
      });
    } catch (error) {
      if (accepted) onEvent(entry, { type: 'cut', problem: error });
      else if (entries.has(requestId)) fail(entry, error);
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
      return queue(entry);
    },

    /** The same message with the same request id once more, to the session that now bears the name. */
    retry(requestId, session) {
      const entry = entries.get(requestId);
      if (entry?.state !== 'failed') return Promise.resolve();
      keep({ ...entry, session_id: session.session_id, state: 'sending', problem: null });
      return queue(entry);
    },

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
          keep({ ...stored, state: same ? stored.state : 'failed' });
          if (same && stored.state === 'sending') queue(stored);
        }
      }
    },

    /** The session was started again: what had failed to reach the old one goes to the new one. */
    readdress(session) {
      const moved = this.of(session.user_id).filter((entry) => entry.state === 'failed');
      for (const entry of moved) keep({ ...entry, session_id: session.session_id, state: 'sending', problem: null });
      return Promise.all(moved.map(queue));
    },

    /** The session was deleted by hand, and what was never sent with it. */
    clear(userId) {
      for (const entry of this.of(userId)) forget(entry.request_id);
    },
  };
}
