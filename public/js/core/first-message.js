// The first message on the first screen: creates a session under an automatic name and sends the message to it. Both request
// ids are stored before the first request, so that a reload in between creates and sends nothing twice. A lock for each message
// keeps other tabs, which find it stored too, from doing the same.
// @ts-check

import { automaticName, createUnderFreeName } from './automatic-name.js';
import { NO_SESSION } from './drafts.js';
import { unknownSession } from './state.js';
import { readRecent, VISIBLE_MS } from './storage.js';
import { NOTICES } from './words/errors.js';

/** Prefix of the stored messages. A page that finds one does not begin with the first screen. */
export const FIRST_MESSAGES = 'nono:first:';
const PERSONA = 'nono:persona';
/** Time that a tab has to be loaded again, before another one sends its messages. */
const RELOAD_MS = 10_000;
const TTL_MS = 7 * 24 * 60 * 60 * 1000;

/** @param {FirstMessageDeps} deps @returns {FirstMessages} */
export function createFirstMessages({
  api,
  store,
  storage,
  retrier,
  timers,
  clock,
  newId,
  drafts,
  router,
  tabs,
  conversation,
  turns,
}) {
  /** @type {Map<string, FirstMessage>} request id to message */
  const messages = new Map();
  /** @type {Map<string, () => void>} request id of each message to the function that releases its lock */
  const locks = new Map();
  /** @type {Map<string, AbortController>} request id to the creation of its session */
  const creations = new Map();

  const shownId = () => (store.state.view === 'starting' ? store.state.unsent[0]?.requestId : undefined);

  function save(/** @type {FirstMessage} */ message) {
    messages.set(message.requestId, message);
    storage.write(FIRST_MESSAGES + message.requestId, message);
    if (shownId() === message.requestId) show(message);
    return message;
  }

  function remove(/** @type {string} */ requestId) {
    messages.delete(requestId);
    storage.remove(FIRST_MESSAGES + requestId);
    const release = locks.get(requestId);
    if (release) timers.set(release, VISIBLE_MS);
    locks.delete(requestId);
  }

  /** Takes over a stored message and its lock, unless another tab has sent or removed it in the meantime. */
  function take(/** @type {FirstMessage} */ { requestId }, /** @type {() => void} */ release) {
    const stored = storage.read(FIRST_MESSAGES + requestId);
    if (stored === null) return release();
    messages.set(requestId, stored);
    locks.set(requestId, release);
  }

  /** Shows the message in a conversation whose session is being created. */
  function show(/** @type {FirstMessage} */ message, /** @type {ApiError | null} */ problem = null) {
    const { requestId, userId, persona, content, createdAt } = message;
    const state = creations.has(requestId) ? 'sending' : 'failed';
    const entry = { requestId, userId, sessionId: '', content, createdAt, state, problem };
    conversation.showStarting({ ...unknownSession(userId), persona }, /** @type {OutboxEntry} */ (entry));
  }

  /**
   * Creates the session of a message. Returns null if that has failed. Without `isShown`, what is open remains.
   *
   * @param {FirstMessage} message
   */
  async function create(message, isShown = true) {
    const { requestId, creationId } = message;
    const creation = new AbortController();
    const { signal } = creation;
    creations.set(requestId, creation);
    if (isShown) show(message);
    try {
      const session = await createUnderFreeName(message.userId, (userId) => {
        const { persona } = message.userId === userId ? message : save({ ...message, userId });
        const call = () => api.createSession({ userId, persona, requestId: creationId }, signal);
        // Remains stored in the meantime, so that a reload or a login goes on.
        return retrier.run(call, { signal, untilSignedIn: true });
      });
      signal.throwIfAborted();
      return session;
    } catch (problem) {
      creations.delete(requestId);
      if (signal.aborted) return null;
      if (shownId() === requestId) show(message, problem);
      else store.set({ notice: `${NOTICES.notSent} ${problem.explanation}` });
      return null;
    }
  }

  /** Creates the session and sends the message to it. */
  async function run(/** @type {FirstMessage} */ message) {
    const session = await create(message);
    if (session) await adopt(session, message);
  }

  /** Hands the message over to the outbox, which stores it, and shows its session unless another one was opened since. */
  function adopt(/** @type {Session} */ session, /** @type {FirstMessage} */ { requestId, content }) {
    const isShown = shownId() === requestId;
    creations.delete(requestId);
    // It was removed when its session was just created.
    if (!messages.has(requestId)) return Promise.resolve();
    if (isShown) drafts.move(NO_SESSION, session.userId);
    const sent = turns.send(session, content, requestId);
    remove(requestId);
    if (isShown) {
      conversation.showCreated(session);
      router.navigate(session.userId);
    }
    tabs.notify(session.sessionId);
    return sent;
  }

  /** Sends messages one after another, without waiting for the replies. Only the first one may be shown. */
  async function runAll(/** @type {FirstMessage[]} */ taken, /** @type {boolean} */ isShown) {
    for (const [index, { requestId }] of taken.entries()) {
      const message = messages.get(requestId);
      const session = message && !creations.has(requestId) ? await create(message, isShown && index === 0) : null;
      if (message && session) void adopt(session, message);
    }
  }

  /** Sends the messages of an earlier visit, except those that another tab is sending. Returns true if one is shown. */
  async function resume(/** @type {boolean} */ isShown) {
    const taken = [];
    for (const message of readRecent(storage, FIRST_MESSAGES, timers.now() - TTL_MS)) {
      const { requestId } = message;
      if (messages.has(requestId)) continue;
      const release = await tabs.lock(FIRST_MESSAGES + requestId, { ifFree: true });
      if (release) take(message, release);
      else void inherit(requestId);
      if (messages.has(requestId)) taken.push(message);
    }
    void runAll(taken, isShown);
    return isShown && taken.length > 0;
  }

  /** Sends a message that another tab is sending, if that tab is closed before. */
  async function inherit(/** @type {string} */ requestId) {
    (await tabs.lock(FIRST_MESSAGES + requestId))?.();
    timers.set(() => void resume(false), RELOAD_MS);
  }

  const chosenPersona = () => {
    const { personas, chosenPersona: key } = store.state;
    return personas.some((persona) => persona.key === key) ? key : personas[0].key;
  };

  return {
    /** Reads the persona that was chosen in an earlier visit. */
    restore: () => store.set({ chosenPersona: storage.read(PERSONA) ?? '' }),

    resume,

    /** Shows the first message that is not sent yet, if there is one. */
    showNext() {
      const message = messages.values().next().value;
      if (!message) return;
      if (creations.has(message.requestId)) show(message);
      else void run(message);
    },

    choosePersona(key) {
      storage.write(PERSONA, key);
      store.set({ chosenPersona: key });
    },

    /** Stores a message and creates its session, with the chosen persona. */
    send(content) {
      const message = {
        requestId: newId(),
        creationId: newId(),
        userId: automaticName(clock.now()),
        persona: chosenPersona(),
        content,
        createdAt: new Date(timers.now()).toISOString(),
      };
      save(message);
      void tabs.lock(FIRST_MESSAGES + message.requestId).then((release) => release && take(message, release));
      return run(message);
    },

    has: (requestId) => messages.has(requestId),

    /** Creates the session of a failed message again, with the same request ids. */
    retry(requestId) {
      const message = messages.get(requestId);
      return message && !creations.has(requestId) ? run(message) : Promise.resolve();
    },

    /** Removes a message whose session could not be created. Returns its text. */
    discard(requestId) {
      const content = messages.get(requestId)?.content ?? '';
      const isShown = shownId() === requestId;
      remove(requestId);
      creations.get(requestId)?.abort();
      creations.delete(requestId);
      if (isShown) conversation.close();
      return content;
    },
  };
}
