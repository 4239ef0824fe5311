// The first message on the first screen: creates a session under an automatic name and sends the message to it. Both request
// ids are stored before the first request, so that a reload in between creates and sends nothing twice.
// @ts-check

import { automaticName, createUnderFreeName } from './automatic-name.js';
import { NO_SESSION } from './drafts.js';
import { unknownSession } from './state.js';
import { NOTICES } from './words/errors.js';

/** Prefix of the stored messages. A page that finds one does not begin with the first screen. */
export const FIRST_MESSAGES = 'nono:first:';
const PERSONA = 'nono:persona';
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
  }

  /** Shows the message in a conversation whose session is being created. */
  function show(/** @type {FirstMessage} */ message, /** @type {ApiError | null} */ problem = null) {
    const { requestId, userId, persona, content, createdAt } = message;
    const state = creations.has(requestId) ? 'sending' : 'failed';
    const entry = { requestId, userId, sessionId: '', content, createdAt, state, problem };
    conversation.showStarting({ ...unknownSession(userId), persona }, /** @type {OutboxEntry} */ (entry));
  }

  /** Creates the session and sends the message to it. */
  async function run(/** @type {FirstMessage} */ message) {
    const { requestId, creationId } = message;
    const creation = new AbortController();
    const { signal } = creation;
    creations.set(requestId, creation);
    show(message);
    try {
      const session = await createUnderFreeName(message.userId, (userId) => {
        const { persona } = message.userId === userId ? message : save({ ...message, userId });
        const call = () => api.createSession({ userId, persona, requestId: creationId }, signal);
        // Remains stored in the meantime, so that a reload or a login goes on.
        return retrier.run(call, { signal, untilSignedIn: true });
      });
      signal.throwIfAborted();
      await adopt(session, message);
    } catch (problem) {
      creations.delete(requestId);
      if (signal.aborted) return;
      if (shownId() === requestId) show(message, problem);
      else store.set({ notice: `${NOTICES.notSent} ${problem.explanation}` });
    }
  }

  /** Hands the message over to the outbox, which stores it, and shows its session unless another one was opened since. */
  function adopt(/** @type {Session} */ session, /** @type {FirstMessage} */ { requestId, content }) {
    const isShown = shownId() === requestId;
    creations.delete(requestId);
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

  const chosenPersona = () => {
    const { personas, chosenPersona: key } = store.state;
    return personas.some((persona) => persona.key === key) ? key : personas[0].key;
  };

  return {
    /** Reads the messages of an earlier visit and the persona that was chosen in it. */
    restore() {
      for (const key of storage.keys(FIRST_MESSAGES)) {
        const stored = storage.read(key);
        if (Date.parse(stored?.createdAt) > timers.now() - TTL_MS) messages.set(stored.requestId, stored);
        else storage.remove(key);
      }
      store.set({ chosenPersona: storage.read(PERSONA) ?? '' });
    },

    /** Goes on with a message whose session is not created yet. Returns false if there is none. */
    resume() {
      const message = messages.values().next().value;
      if (!message) return false;
      if (creations.has(message.requestId)) show(message);
      else void run(message);
      return true;
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
