// What the browser keeps for us between visits. Where it refuses (private mode, a full disk), memory stands in, so that callers need no second path.

/** @param {Storage | null} backing usually `localStorage` */
export function createStorage(backing) {
  const memory = new Map();

  return {
    /** The value as it was written, or null. */
    read(key) {
      if (memory.has(key)) return memory.get(key);
      return parse(attempt(() => backing.getItem(key)));
    },

    write(key, value) {
      const kept = attempt(() => {
        backing.setItem(key, JSON.stringify(value));
        return true;
      });
      if (kept) memory.delete(key);
      else memory.set(key, value);
    },

    remove(key) {
      memory.delete(key);
      attempt(() => backing.removeItem(key));
    },

    keys(prefix) {
      const stored = attempt(() => Array.from({ length: backing.length }, (_, i) => backing.key(i))) ?? [];
      return [...new Set([...stored, ...memory.keys()])].filter((key) => key.startsWith(prefix));
    },
  };
}

/** `localStorage`, or null where even naming it throws. */
export function browserStorage(scope = globalThis) {
  return attempt(() => scope.localStorage) ?? null;
}

function attempt(task) {
  try {
    return task();
  } catch {
    return undefined;
  }
}

function parse(text) {
  if (typeof text !== 'string') return null;
  return attempt(() => JSON.parse(text)) ?? null;
}
