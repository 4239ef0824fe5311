// Fakes of time, storage, ids and fetch that a test controls.

import { INITIAL_STATE } from '../../../public/js/core/state.js';

/** Creates timers that run only when `advance` is called. */
export function fakeTimers(startMs = Date.parse('2024-10-20T12:00:00Z')) {
  let nowMs = startMs;
  let tasks = [];
  const timers = {
    now: () => nowMs,
    set(task, ms) {
      const timer = { task, at: nowMs + ms };
      tasks.push(timer);
      return timer;
    },
    nextFrame: (task) => timers.set(task, 16),
    clear(timer) {
      tasks = tasks.filter((task) => task !== timer);
    },
    /** Runs the timers that become due, in order. Promises settle after each. */
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      for (;;) {
        const next = tasks.filter(({ at }) => at <= endMs).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        nowMs = Math.max(nowMs, next.at);
        timers.clear(next);
        next.task();
        await settle();
      }
      nowMs = endMs;
    },
    get pending() {
      return tasks.length;
    },
  };
  return timers;
}

/** Waits until all promises that can settle have settled. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Creates a `localStorage` on a map. */
export function fakeLocalStorage(map = new Map()) {
  return {
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => void map.set(key, String(value)),
    removeItem: (key) => void map.delete(key),
    key: (index) => [...map.keys()][index] ?? null,
    get length() {
      return map.size;
    },
  };
}

/** Creates the locks of a browser. `tab` returns the LockManager of a tab, whose locks `close` releases. */
export function fakeLocks() {
  /** Queues of requests by name. The first of each holds the lock. */
  const queues = new Map();
  const next = (name) => queues.get(name)?.[0]?.grant();
  function drop(name, request) {
    queues.set(
      name,
      queues.get(name).filter((other) => other !== request),
    );
    next(name);
  }
  return {
    tab() {
      const own = [];
      return {
        request(name, { ifAvailable, signal }, callback) {
          const queue = queues.get(name) ?? [];
          if (ifAvailable && queue.length > 0) return Promise.resolve(callback(null));
          const request = {
            grant: () => void (request.granted ??= Promise.resolve(callback({ name })).then(() => drop(name, request))),
          };
          queues.set(name, [...queue, request]);
          own.push([name, request]);
          next(name);
          return new Promise((_, reject) => {
            signal?.addEventListener('abort', () => {
              if (request.granted) return;
              drop(name, request);
              reject(signal.reason);
            });
          });
        },
        close() {
          for (const [name, request] of own) drop(name, request);
        },
      };
    },
  };
}

export function countingIds() {
  let last = 0;
  return () => `id-${(last += 1)}`;
}

/** Creates a `fetch` that returns these responses in turn and records its calls. A response can be a function. */
export function scriptedFetch(...responses) {
  const calls = [];
  const fetch = async (url, init) => {
    calls.push({ url, ...init, body: init.body && JSON.parse(init.body) });
    const response = responses.shift();
    if (!response) throw new TypeError(`no response left for ${url}`);
    return typeof response === 'function' ? response(url, init) : response;
  };
  return Object.assign(fetch, { calls });
}

export function jsonResponse(value, { status = 200, headers = {} } = {}) {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': type, ...headers } });
}

/** Creates a response of server-sent events from chunks of text or bytes. An `error` breaks it off. */
export function eventResponse(chunks, { error } = {}) {
  const body = new ReadableStream({
    start(stream) {
      for (const chunk of [chunks].flat())
        stream.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
      if (error) stream.error(error);
      else stream.close();
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** Serializes a tree of js/markdown, without `dir` and the attributes that all links have. */
export function serialize(tree) {
  if (typeof tree === 'string') return tree;
  const { dir, ...attributes } = tree.attributes ?? { [tree.language]: '' };
  const words = Object.entries(attributes)
    .filter(([name]) => !['title', 'target', 'rel'].includes(name))
    .map(([name, value]) => (value ? ` ${name}="${value}"` : ` ${name}`));
  return `<${tree.tag}${words.join('')}>${tree.children.map(serialize).join('')}</${tree.tag}>`;
}

/** The state of a page whose session is open. */
export const OPEN_STATE = {
  ...INITIAL_STATE,
  view: 'open',
  session: { userId: 'Ada', sessionId: 's1', persona: 'default' },
};
