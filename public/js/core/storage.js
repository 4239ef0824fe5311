// Records in localStorage. If the browser refuses to store one (private mode, a full disk), it is kept in memory.
// @ts-check

const PREFIX = 'nono:';
/** Time in which a record in localStorage becomes visible to other tabs, which takes some milliseconds. */
export const VISIBLE_MS = 100;
/** Key of a counter of changes, by which the newer of two copies is known. */
const REVISION = 'nono:revision';

/**
 * @param {Storage | null} backing usually `localStorage`
 * @param {Mirror | null} mirror a second copy, which survives a crash of the browser
 * @returns {Records}
 */
export function createStorage(backing, mirror = null) {
  /** @type {Map<string, string>} */
  const memory = new Map();
  // Without localStorage, every access throws and is handled like a refusal.
  const local = /** @type {Storage} */ (backing);

  const revision = () => Number(attempt(() => local.getItem(REVISION))) || 0;
  const storedKeys = () =>
    attempt(() => Array.from({ length: local.length }, (_, index) => String(local.key(index)))) ?? [];
  const ownKeys = () => storedKeys().filter((key) => key.startsWith(PREFIX) && key !== REVISION);

  function writeToMirror(/** @type {string} */ key, /** @type {string | null} */ text) {
    if (!mirror) return;
    const next = revision() + 1;
    attempt(() => local.setItem(REVISION, String(next)));
    void mirror.write(next, key, text);
  }

  return {
    /** Returns a record, or null. */
    read(key) {
      return parse(memory.get(key) ?? attempt(() => local.getItem(key)));
    },

    write(key, value) {
      const text = JSON.stringify(value, (_, field) => renameKeys(field, toSnakeCase));
      const isStored = attempt(() => {
        local.setItem(key, text);
        return true;
      });
      if (isStored) memory.delete(key);
      else memory.set(key, text);
      writeToMirror(key, text);
    },

    remove(key) {
      const existed = memory.delete(key) || (attempt(() => local.getItem(key)) ?? null) !== null;
      attempt(() => local.removeItem(key));
      if (existed) writeToMirror(key, null);
    },

    keys: (prefix) => [...new Set([...storedKeys(), ...memory.keys()])].filter((key) => key.startsWith(prefix)),

    /** Restores the newer of the two copies. After a crash that is the mirror; if the page was closed abruptly, localStorage. */
    async recover() {
      const copy = await mirror?.read();
      if (!mirror || !copy) return;
      // A copy that is newer because another tab is writing at this time is no sign of a crash.
      if (copy.revision > revision()) await mirror.settle();
      const known = revision();
      if (copy.revision > known) {
        for (const key of ownKeys()) if (!copy.entries.has(key)) attempt(() => local.removeItem(key));
        for (const [key, text] of copy.entries) attempt(() => local.setItem(key, text));
        attempt(() => local.setItem(REVISION, String(copy.revision)));
      } else if (copy.revision < known) {
        await mirror.replace(
          known,
          ownKeys().map((key) => [key, String(local.getItem(key))]),
        );
      }
    },
  };
}

/**
 * Returns the records whose key begins with `prefix` and that were created since `sinceMs`, oldest first, because storage does not keep
 * their order. Removes older ones.
 *
 * @param {Records} storage
 * @param {string} prefix
 * @param {number} sinceMs
 */
export function readRecent(storage, prefix, sinceMs) {
  const records = [];
  for (const key of storage.keys(prefix)) {
    const record = storage.read(key);
    if (Date.parse(record?.createdAt) > sinceMs) records.push(record);
    else storage.remove(key);
  }
  return records.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
}

/** Returns localStorage, or null if access to it is denied. */
export const browserStorage = (scope = globalThis) => attempt(() => scope.localStorage) ?? null;
/** Returns IndexedDB, or undefined if access to it is denied. */
export const browserDatabases = (scope = globalThis) => attempt(() => scope.indexedDB) ?? undefined;

/**
 * Returns the result of `task`, or undefined if it throws.
 *
 * @template Result
 * @param {() => Result} task
 */
function attempt(task) {
  try {
    return task();
  } catch {
    return undefined;
  }
}

/** @returns {any} */
function parse(/** @type {unknown} */ text) {
  if (typeof text !== 'string') return null;
  return attempt(() => JSON.parse(text, (_, field) => renameKeys(field, toCamelCase))) ?? null;
}

// Stored records have keys in snake_case, because earlier versions of the page wrote them so.
const toSnakeCase = (/** @type {string} */ key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const toCamelCase = (/** @type {string} */ key) => key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

function renameKeys(/** @type {any} */ value, /** @type {(key: string) => string} */ rename) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [rename(key), field]));
}
