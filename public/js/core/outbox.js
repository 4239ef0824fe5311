// Messages that the server has not accepted yet. Each keeps its request id over all retries and is stored until it is accepted.
// They are sent in order, each after the turn of the one before. A turn that was stopped or has failed does not hold the next
// message back: the user has sent it and can still remove it, and a queue that stops by itself would leave it unsent unnoticed.
// @ts-check

import { restoreError } from './api-error.js';
import { readRecent, VISIBLE_MS } from './storage.js';

const PREFIX = 'nono:outbox:';
const TTL_MS = 7 * 24 * 60 * 60 * 1000;
/** Time to wait for a tab that sends a message. After that this one sends it too, which the request id makes safe. */
const LOCK_MS = 10_000;

/** @param {OutboxDeps} deps @returns {Outbox} */
export function createOutbox({ api, storage, retrier, timers, newId, tabs, untilIdle, onChange, onEvent }) {
  /** @type {Map<string, OutboxEntry>} request id to entry */
  const entries = new Map();
  /** @type {Map<string, Promise<void>>} user id to its last delivery: one at a time keeps messages in order */
  const queues = new Map();
  /** @type {Map<string, AbortController>} request id to its delivery */
  const deliveries = new Map();
  /** @type {Set<string>} request ids of the deliveries that have not ended, or not begun */
  const enqueued = new Set();

  function save(/** @type {OutboxEntry} */ entry) {
    entries.set(entry.requestId, entry);
    storage.write(PREFIX + entry.requestId, entry);
    onChange();
  }

  function remove(/** @type {string} */ requestId) {
    entries.delete(requestId);
    storage.remove(PREFIX + requestId);
    onChange();
  }

  function enqueue(/** @type {Delivery} */ delivery, /** @type {() => Promise<void>} */ task) {
    enqueued.add(delivery.requestId);
    const previous = queues.get(delivery.userId) ?? Promise.resolve();
    const next = previous.then(task);
    queues.set(delivery.userId, next);
    return next;
  }

  const enqueueEntry = (/** @type {OutboxEntry} */ entry) =>
    enqueue(entry, async () => {
      const release = await lock(entry.requestId);
      await deliver(entry, () => isUnsent(entry.requestId)).finally(release);
    });

  /** Waits until no other tab sends a message, but not for long. Returns a function that lets one send it if it is still stored. */
  async function lock(/** @type {string} */ requestId) {
    const wait = new AbortController();
    const timer = timers.set(() => wait.abort(), LOCK_MS);
    const release = await tabs.lock(PREFIX + requestId, { signal: wait.signal });
    timers.clear(timer);
    return () => void timers.set(() => release?.(), VISIBLE_MS);
  }

  /** Returns true if a message is still to be sent. Another tab may have sent or removed it, if it was restored in both. */
  function isUnsent(/** @type {string} */ requestId) {
    if (entries.get(requestId)?.state !== 'sending') return false;
    if (storage.read(PREFIX + requestId) !== null) return true;
    remove(requestId);
    return false;
  }

  /** Sends a message until the server accepts it. An error after that is reported, but not retried. */
  async function deliver(/** @type {Delivery} */ delivery, /** @type {() => boolean} */ isWanted) {
    const { requestId, userId, content } = delivery;
    const stream = new AbortController();
    let accepted = false;

    async function send() {
      await untilIdle(delivery);
      // Discarded, or its session deleted: another session of the same name must not receive it.
      if (!isWanted()) return;
      deliveries.set(requestId, stream);
      for await (const event of api.chat({ userId, content, requestId }, stream.signal)) {
        if (event.type === 'accepted') accepted = true;
        onEvent(delivery, event);
        if (event.type === 'accepted') remove(requestId);
      }
    }

    try {
      await retrier.run(
        () =>
          send().catch((problem) => {
            if (!accepted) throw problem;
            deliveries.delete(requestId);
            if (!stream.signal.aborted) onEvent(delivery, { type: 'cut', problem });
          }),
        // Remains stored in the meantime, so that a reload or a login sends it.
        { untilSignedIn: true, signal: stream.signal },
      );
    } catch (problem) {
      if (stream.signal.aborted) return;
      deliveries.delete(requestId);
      const entry = entries.get(requestId);
      if (entry) {
        save({ ...entry, state: 'failed', problem });
        onEvent(delivery, { type: 'failed', problem });
      } else if (isWanted()) onEvent(delivery, { type: 'cut', problem });
    } finally {
      deliveries.delete(requestId);
      enqueued.delete(requestId);
    }
  }

  const list = (/** @type {string} */ userId) => [...entries.values()].filter((entry) => entry.userId === userId);

  /** Stops sending the messages of a session to which `isConcerned` applies. */
  function fail(
    /** @type {string} */ userId,
    /** @type {(entry: OutboxEntry) => boolean} */ isConcerned,
    /** @type {ApiError | null} */ problem,
  ) {
    for (const entry of list(userId)) {
      if (entry.state !== 'sending' || !isConcerned(entry)) continue;
      save({ ...entry, state: 'failed', problem });
      deliveries.get(entry.requestId)?.abort();
    }
  }

  return {
    /** Returns the entries of a session, oldest first. */
    list,

    /** Adds a message and sends it after the previous ones. */
    add({ userId, sessionId }, content, requestId = newId()) {
      /** @type {OutboxEntry} */
      const entry = {
        requestId,
        userId,
        sessionId,
        content,
        createdAt: new Date(timers.now()).toISOString(),
        state: 'sending',
      };
      save(entry);
      return enqueueEntry(entry);
    },

    /** Sends a failed message again with the same request id, to the session that has the name now. */
    retry(requestId, session) {
      const entry = entries.get(requestId);
      if (entry?.state !== 'failed') return Promise.resolve();
      /** @type {OutboxEntry} */
      const retried = { ...entry, sessionId: session.sessionId, state: 'sending', problem: null };
      save(retried);
      return enqueueEntry(retried);
    },

    /** Requests the reply to a stored message again, with the message's request id, while `isWanted` returns true. */
    requestReply: (turn, isWanted) => enqueue(turn, () => deliver(turn, isWanted)),

    /** Removes the entries of a session that another tab has sent or removed. */
    sync(userId) {
      for (const { requestId } of list(userId)) isUnsent(requestId);
    },

    /** Returns true until this tab has sent a message and read its chat stream. */
    isEnqueued: (requestId) => enqueued.has(requestId),

    /** Returns true while this tab sends a message or reads its chat stream. */
    isDelivering: (requestId) => deliveries.has(requestId),

    /** Stops reading a chat stream whose turn has ended. */
    endStream: (requestId) => deliveries.get(requestId)?.abort(),

    /** Removes a message that has not been accepted. Returns its text. */
    discard(requestId) {
      const content = entries.get(requestId)?.content ?? '';
      remove(requestId);
      deliveries.get(requestId)?.abort();
      return content;
    },

    /**
     * Restores the entries that an earlier visit has stored for this session, and sends them: the request id makes that safe.
     * An entry for an earlier session of the same name is restored as failed instead, so that the user decides.
     */
    restore(session) {
      fail(session.userId, ({ sessionId }) => sessionId !== session.sessionId, null);
      for (const stored of readRecent(storage, PREFIX, timers.now() - TTL_MS)) {
        if (stored.userId !== session.userId || entries.has(stored.requestId)) continue;
        const isSame = stored.sessionId === session.sessionId;
        save({
          ...stored,
          state: isSame ? stored.state : 'failed',
          problem: isSame ? restoreError(stored.problem) : null,
        });
        if (isSame && stored.state === 'sending') enqueueEntry(stored);
      }
    },

    /** Records that a session has ended, so that its messages cannot be sent. */
    end: (userId, problem) => fail(userId, () => true, problem),

    /** Sends the failed messages to a session that was created again under the same name. */
    retarget({ userId, sessionId }) {
      const failed = list(userId).filter((entry) => entry.state === 'failed');
      const moved = failed.map(
        (entry) => /** @type {OutboxEntry} */ ({ ...entry, sessionId, state: 'sending', problem: null }),
      );
      moved.forEach(save);
      return Promise.all(moved.map(enqueueEntry));
    },

    /** Removes all entries of a deleted session. */
    removeAll(userId) {
      for (const { requestId } of list(userId)) remove(requestId);
    },
  };
}
