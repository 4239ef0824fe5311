// What the browser keeps for us between visits. Where it refuses (private mode, a full disk), memory stands in, so that callers need no second path.

const PREFIX = 'nono:';
/** Counts the changes, so that of two copies the newer is known. */
const REVISION = 'nono:revision';

/**
 * @param {Storage | null} backing usually `localStorage`
 * @param {object | null} journal its second copy, which outlives a crash of the browser
 */
export function createStorage(backing, journal = null) {
  const memory = new Map();

  const revision = () => Number(attempt(() => backing.getItem(REVISION))) || 0;
  const storedKeys = () => attempt(() => Array.from({ length: backing.length }, (_, index) => backing.key(index))) ?? [];
  const ownKeys = () => storedKeys().filter((key) => key.startsWith(PREFIX) && key !== REVISION);

  function note(key, text) {
    if (!journal) return;
    const next = revision() + 1;
    attempt(() => backing.setItem(REVISION, String(next)));
    void journal.note(next, key, text);
  }

  return {
    /** The value as it was written, or null. */
    read(key) {
      if (memory.has(key)) return memory.get(key);
      return parse(attempt(() => backing.getItem(key)));
    },

    write(key, value) {
      const text = JSON.stringify(value);
      const kept = attempt(() => {
        backing.setItem(key, text);
        return true;
      });
      if (kept) memory.delete(key);
      else memory.set(key, value);
      note(key, text);
    },

    remove(key) {
      const known = memory.delete(key) || (attempt(() => backing.getItem(key)) ?? null) !== null;
      attempt(() => backing.removeItem(key));
      if (known) note(key, null);
    },

    keys: (prefix) => [...new Set([...storedKeys(), ...memory.keys()])].filter((key) => key.startsWith(prefix)),

    /** After a crash the journal may be newer than what the browser had written down; after a hasty end it may be older. */
    async recover() {
      const copy = await journal?.read();
      if (!copy) return;
      const known = revision();
      if (copy.revision > known) {
        for (const key of ownKeys()) if (!copy.entries.has(key)) attempt(() => backing.removeItem(key));
        for (const [key, text] of copy.entries) attempt(() => backing.setItem(key, text));
        attempt(() => backing.setItem(REVISION, String(copy.revision)));
      } else if (copy.revision < known) {
        await journal.replace(known, ownKeys().map((key) => [key, backing.getItem(key)]));
      }
    },
  };
}

/** A store of the browser by its name, or null where even naming it throws. */
export const browserStorage = (scope = globalThis) => attempt(() => scope.localStorage) ?? null;
export const browserDatabases = (scope = globalThis) => attempt(() => scope.indexedDB) ?? undefined;

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
