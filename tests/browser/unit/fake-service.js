// The core of the page on a service in memory, and building blocks for services whose turns a test controls.

import { ApiError } from '../../../public/js/core/api-error.js';
import { createChat } from '../../../public/js/core/chat.js';
import { describeTask } from '../../../public/js/core/data-view.js';
import { createServerClock } from '../../../public/js/core/expiry.js';
import { createRouter } from '../../../public/js/core/router.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { createTabs } from '../../../public/js/core/tabs.js';
import { countingIds, fakeLocalStorage, fakeTimers, settle } from './fakes.js';

export const sessionGone = () => new ApiError({ status: 404, reason: 'SESSION_NOT_FOUND' });

/** Creates an API whose sessions are `{userId: [content, ...]}`. */
function fakeApi(sessions, timers) {
  const sessionOf = (userId) => {
    if (!sessions[userId]) throw sessionGone();
    const expiresAt = new Date(timers.now() + 3_600_000).toISOString();
    return {
      userId,
      sessionId: `session_${userId}_1`,
      persona: 'default',
      messageCount: sessions[userId].length,
      expiresAt,
    };
  };
  const stored = (userId) =>
    sessions[userId].map((content, index) => ({
      seq: index + 1,
      role: 'user',
      content,
      timestamp: '2024-10-20T11:00:00Z',
    }));
  return {
    getConfig: async () => ({ title: 'Nono Chat Bot' }),
    listPersonas: async () => {
      throw new ApiError({ status: 501 });
    },
    createSession: async ({ userId }) => {
      if (sessions[userId]) throw new ApiError({ status: 409, reason: 'SESSION_EXISTS' });
      sessions[userId] = [];
      return { ...sessionOf(userId), created: true };
    },
    listSessions: async () => ({
      sessions: Object.keys(sessions).map(sessionOf),
      count: Object.keys(sessions).length,
      nextToken: null,
    }),
    getSession: async (userId) => sessionOf(userId),
    getHistory: async (userId, { limit, before = Infinity, after = 0 }) => {
      sessionOf(userId);
      const within = stored(userId).filter(({ seq }) => seq < before && seq > after);
      return { messages: after ? within.slice(0, limit) : within.slice(-limit), hasMore: within.length > limit };
    },
    touchSession: async (userId) => sessionOf(userId),
    deleteSession: async (userId) => {
      sessionOf(userId);
      delete sessions[userId];
    },
    async *chat({ userId, content }) {
      sessionOf(userId);
      sessions[userId].push(content);
      yield { type: 'accepted', message: stored(userId).at(-1), replayed: false };
    },
    cancelChat: async () => ({ cancelled: false, message: null }),
    // A stream without events, so that the page does without it.
    watchSession: fakeStreams().watchSession,
  };
}

/** Creates event streams that a test controls. Each call of `watchSession` opens one. */
export function fakeStreams() {
  const streams = [];
  function watchSession(userId, cursor, signal) {
    const queue = [];
    let wake = () => {};
    const add = (...events) => {
      queue.push(...events);
      wake();
      return settle();
    };
    const stream = { userId, cursor, isOpen: true, send: add, fail: (fields = {}) => add(new ApiError(fields)) };
    streams.push(stream);
    signal.addEventListener('abort', () => {
      stream.isOpen = false;
      void add(signal.reason);
    });
    return (async function* () {
      for (;;) {
        while (queue.length === 0) await new Promise((resolve) => (wake = resolve));
        const next = queue.shift();
        if (next instanceof Error) throw next;
        yield { cursor: `cursor ${streams.length}`, ...next };
        if (next.type === 'ended') return;
      }
    })();
  }
  return {
    watchSession,
    streams,
    get current() {
      return streams.at(-1);
    },
  };
}

/** Creates a snapshot of the session of Ada. */
export const snapshot = (messageCount, turn = null, more = {}) => ({
  type: 'snapshot',
  session: { userId: 'Ada', sessionId: 'session_Ada_1', persona: 'default', messageCount, ...more.session },
  serverMs: Date.parse(AT),
  turn,
  hasGap: more.hasGap ?? false,
});
export const running = (seq = 2, requestId = 'r1') => ({
  type: 'turn',
  state: 'running',
  seq,
  requestId,
  problem: null,
});
export const ended = (state, { seq = 2, requestId = 'r1', problem = null } = {}) => ({
  ...running(seq, requestId),
  state,
  problem,
});
export const delta = (offset, text, seq = 2) => ({ type: 'delta', seq, offset, text });
export const stored = (event, finish) => ({
  type: 'message',
  message: finish ? { ...event.message, finish } : event.message,
});

/** Creates the core of a page at `search`. `map` holds the records of an earlier visit, `locks` those of the other tabs. */
export function open(sessions = {}, { search = '', map = new Map(), locks, api } = {}) {
  const timers = fakeTimers();
  const storage = createStorage(fakeLocalStorage(map));
  const location = { pathname: '/', search };
  const go = (_, __, address) => (location.search = new URL(address, 'http://x').search);
  const left = [];
  const leave = { assign: (url) => left.push(url), reload: () => left.push('reload') };
  const scope = { location: Object.assign(location, leave), history: { pushState: go, replaceState: go } };
  const notified = [];
  let notifyFromOtherTab;
  /** Reports the access of this browser, as the calls of the real API do. */
  let reportAccess;
  const chat = createChat({
    api: { ...fakeApi(sessions, timers), onAccess: (listener) => (reportAccess = listener), ...api },
    clock: createServerClock(timers),
    tabs: {
      ...createTabs(undefined, locks),
      onChanged: (listener) => (notifyFromOtherTab = listener),
      notify: (id) => notified.push(id),
    },
    storage,
    router: createRouter({ scope, storage }),
    timers,
    newId: countingIds(),
    random: () => 0,
  });
  const contents = () => chat.store.state.messages.map(({ content }) => content);
  return { chat, timers, sessions, location, left, map, notified, contents, notifyFromOtherTab, reportAccess };
}

export const NAMES = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Tony'];
/** Opens a page with six sessions, and the part for all sessions. `api` has calls that replace those of the service. */
export async function openWithData(api = {}, { search = '' } = {}) {
  const sessions = Object.fromEntries(NAMES.map((name) => [name, ['hello']]));
  const exportSession = async (userId) => new Blob([JSON.stringify({ session: { user_id: userId } })]);
  const page = open(sessions, { search, api: { exportSession, ...api } });
  await page.chat.start();
  const data = await page.chat.loadSessionData();
  const view = () => describeTask(data.store.state, false);
  return { ...page, data, view, phase: () => data.store.state.phase };
}

export const AT = '2024-10-20T12:00:00Z';
export const acceptedEvent = (content, seq = 1) => ({
  type: 'accepted',
  message: { seq, role: 'user', content, timestamp: AT },
  replayed: false,
});
export const doneEvent = (content, seq = 2) => ({
  type: 'done',
  message: { seq, role: 'assistant', content, timestamp: AT },
  finishReason: 'stop',
});

/** Creates a promise that a test resolves, to hold a generator. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

/** Creates an API that has one session, with the messages of `history`. */
export function apiWithHistory(history, more) {
  return {
    getSession: async (userId) => ({
      userId,
      sessionId: `session_${userId}_1`,
      persona: 'default',
      messageCount: history.length,
    }),
    getHistory: async (_, { after = 0 }) => ({ messages: history.filter(({ seq }) => seq > after), hasMore: false }),
    ...more,
  };
}
