// Time, storage and ids that a test moves by hand.

/** Timers that run only when `advance` says so. */
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
    frame: (task) => timers.set(task, 16),
    clear(timer) {
      tasks = tasks.filter((task) => task !== timer);
    },
    /** Runs what falls due on the way, in order, and lets promises settle after each. */
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

/** Until every promise that can settle has settled. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** What `localStorage` does, in a map. */
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

export function countingIds() {
  let last = 0;
  return () => `id-${(last += 1)}`;
}

/** A `fetch` that answers in turn and remembers what it was asked. A function as an answer is called. */
export function scriptedFetch(...answers) {
  const calls = [];
  const fetch = async (url, init) => {
    calls.push({ url, ...init, body: init.body && JSON.parse(init.body) });
    const answer = answers.shift();
    if (!answer) throw new TypeError(`no answer left for ${url}`);
    return typeof answer === 'function' ? answer(url, init) : answer;
  };
  return Object.assign(fetch, { calls });
}

export function jsonAnswer(value, { status = 200, headers = {} } = {}) {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': type, ...headers } });
}

/** An answer of server-sent events, as text or as pieces of bytes; `error` ends it in the middle. */
export function eventAnswer(pieces, { error } = {}) {
  const body = new ReadableStream({
    start(stream) {
      for (const piece of [pieces].flat()) stream.enqueue(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece);
      if (error) stream.error(error);
      else stream.close();
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** A tree of js/markdown in one line, for comparing; `dir` goes without saying. */
export function shown(tree) {
  if (typeof tree === 'string') return tree;
  const { dir, ...attributes } = tree.attributes ?? { [tree.language]: '' };
  const words = Object.entries(attributes)
    .filter(([name]) => !['title', 'target', 'rel'].includes(name))
    .map(([name, value]) => (value ? ` ${name}="${value}"` : ` ${name}`));
  return `<${tree.tag}${words.join('')}>${tree.children.map(shown).join('')}</${tree.tag}>`;
}
