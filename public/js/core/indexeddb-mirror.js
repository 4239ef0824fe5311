// A second copy of the stored records in IndexedDB. Browsers write localStorage to disk seconds late, so a crash would lose the
// newest records; a transaction of IndexedDB is with the operating system once it is committed.
// @ts-check

import { VISIBLE_MS } from './storage.js';

const DATABASE = 'nono';
const STORE = 'kept';
/** Key of the copy's revision. No record has a number as its key. */
const REVISION = 0;
/** Timeout for reading the copy when the page starts. Writes are not limited. */
const READ_TIMEOUT_MS = 1_000;

/**
 * @param {IDBFactory | undefined} factory absent or refused in some private modes; then there is no second copy
 * @param {Timers} timers
 * @returns {Mirror}
 */
export function createMirror(factory, timers) {
  const opened = open(factory);

  /**
   * Runs a transaction. `work` returns a function that is called for the result once the transaction is committed.
   *
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => (() => any) | void} work
   */
  async function transact(mode, work) {
    const database = await opened;
    if (!database) return null;
    return new Promise((resolve) => {
      const transaction = database.transaction(STORE, mode);
      const result = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(result?.() ?? null);
      transaction.onabort = () => resolve(null);
    }).catch(() => null);
  }

  return {
    /** Writes a record, or removes it if `text` is null. */
    write: (revision, key, text) =>
      transact('readwrite', (store) => {
        if (text === null) store.delete(key);
        else store.put(text, key);
        const known = store.get(REVISION);
        // Two tabs may write concurrently: the higher revision is kept.
        known.onsuccess = () => store.put(Math.max(known.result ?? 0, revision), REVISION);
      }),

    /** Reads the whole copy. Returns null if there is none. */
    async read() {
      const reading = transact('readonly', (store) => {
        const [keys, texts] = [store.getAllKeys(), store.getAll()];
        return () => keys.result.map((key, index) => [key, texts.result[index]]);
      });
      const found = await withTimeout(timers, reading);
      if (!found) return null;
      const entries = new Map(found);
      const revision = entries.get(REVISION) ?? 0;
      entries.delete(REVISION);
      return { revision, entries };
    },

    /** Waits until records that other tabs have just written are visible in localStorage. */
    settle: () => new Promise((resolve) => timers.set(() => resolve(undefined), VISIBLE_MS)),

    /** Replaces the copy, unless it has this revision or a newer one. */
    replace: (revision, entries) =>
      transact('readwrite', (store) => {
        const known = store.get(REVISION);
        known.onsuccess = () => {
          if ((known.result ?? 0) >= revision) return;
          store.clear();
          for (const [key, text] of entries) store.put(text, key);
          store.put(revision, REVISION);
        };
      }),
  };
}

/** @returns {Promise<IDBDatabase | null>} */
function open(/** @type {IDBFactory | undefined} */ factory) {
  return new Promise((/** @type {(database: IDBDatabase | null) => void} */ resolve) => {
    // Without a factory this throws, which rejects the promise.
    const request = /** @type {IDBFactory} */ (factory).open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      // A newer version of the page in another tab must not wait for this one.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => resolve(null);
  }).catch(() => null);
}

/** Resolves to null if `promise` takes longer than the timeout. */
function withTimeout(/** @type {Timers} */ timers, /** @type {Promise<any>} */ promise) {
  return Promise.race([promise, new Promise((resolve) => timers.set(() => resolve(null), READ_TIMEOUT_MS))]);
}
