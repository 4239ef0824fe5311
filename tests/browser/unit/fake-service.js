// A page's core on a service in memory, and a service that answers turn by turn as a test wants it.

import { createChat } from '../../../public/js/core/chat.js';
import { ApiError } from '../../../public/js/core/api-error.js';
import { createRouter } from '../../../public/js/core/router.js';
import { createStorage } from '../../../public/js/core/storage.js';
import { countingIds, fakeLocalStorage, fakeTimers } from './fakes.js';

export const gone = () => new ApiError({ status: 404, reason: 'SESSION_NOT_FOUND' });

/** A service whose sessions are `{user_id: [content, ...]}`. */
function service(sessions, timers) {
  const describe = (userId) => {
    if (!sessions[userId]) throw gone();
    const expires_at = new Date(timers.now() + 3_600_000).toISOString();
    return { user_id: userId, session_id: `session_${userId}_1`, persona: 'default', message_count: sessions[userId].length, expires_at };
  };
  const stored = (userId) => sessions[userId].map((content, index) => ({ seq: index + 1, role: 'user', content, timestamp: '2024-10-20T11:00:00Z' }));
  return {
    config: async () => ({ title: 'Nono Chat Bot' }),
    personas: async () => {
      throw new ApiError({ status: 501 });
    },
    create: async ({ userId }) => {
      if (sessions[userId]) throw new ApiError({ status: 409, reason: 'SESSION_EXISTS' });
      sessions[userId] = [];
      return { ...describe(userId), created: true };
    },
    list: async () => ({ sessions: Object.keys(sessions).map(describe), count: Object.keys(sessions).length }),
    session: async (userId) => describe(userId),
    history: async (userId, { limit, before = Infinity, after = 0 }) => {
      describe(userId);
      const within = stored(userId).filter(({ seq }) => seq < before && seq > after);
      return { messages: after ? within.slice(0, limit) : within.slice(-limit), has_more: within.length > limit };
    },
    touch: async (userId) => describe(userId),
    remove: async (userId) => {
      describe(userId);
      delete sessions[userId];
    },
    async *send({ userId, content }) {
      describe(userId);
      sessions[userId].push(content);
      yield { type: 'accepted', message: stored(userId).at(-1), session: describe(userId) };
    },
  };
}

/** The page, opened at `search`, with what an earlier visit left in `map`. */
export function open(sessions = {}, { search = '', map = new Map(), api } = {}) {
  const timers = fakeTimers();
  const storage = createStorage(fakeLocalStorage(map));
  const location = { pathname: '/', search };
  const go = (_, __, address) => (location.search = new URL(address, 'http://x').search);
  const scope = { location, history: { pushState: go, replaceState: go } };
  const told = [];
  let fromOtherTab;
  const chat = createChat({
    makeApi: () => ({ ...service(sessions, timers), ...api }),
    makeTabs: (onChanged) => {
      fromOtherTab = onChanged;
      return { tell: (id) => told.push(id) };
    },
    storage,
    router: createRouter({ scope, storage }),
    timers,
    newId: countingIds(),
    random: () => 0,
  });
  const contents = () => chat.store.state.messages.map(({ content }) => content);
  return { chat, timers, sessions, location, map, told, contents, fromOtherTab: (id) => fromOtherTab(id) };
}

export const AT = '2024-10-20T12:00:00Z';
export const asked = (content, seq = 1) => ({ type: 'accepted', message: { seq, role: 'user', content, timestamp: AT }, replayed: false });
export const answered = (content, seq = 2) => ({ type: 'done', message: { seq, role: 'assistant', content, timestamp: AT }, finish_reason: 'stop' });

/** Holds a generator at a point until it is opened. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

/** A service that also stores whole messages: `history` is what it has of Ada. */
export function storedBy(history, more) {
  return {
    session: async (userId) => ({ user_id: userId, session_id: `session_${userId}_1`, persona: 'default', message_count: history.length }),
    history: async (_, { after = 0 }) => ({ messages: history.filter(({ seq }) => seq > after), has_more: false }),
    ...more,
  };
}
