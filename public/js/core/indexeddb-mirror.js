// A second copy of what the page keeps, in IndexedDB. Browsers write localStorage to disk seconds late, so that a crash would take the
// newest of it; what IndexedDB has committed is with the operating system. Knows keys and texts, not what they mean.

const NAME = 'nono';
const STORE = 'kept';
/** The entry that says how new the copy is. No key of the page is a number. */
const REVISION = 0;
/** A page does not wait longer than this for what the copy may hold. Notes are taken whenever it opens. */
const PATIENCE_MS = 1_000;

/** @param {IDBFactory | undefined} factory absent or refused in some private modes: then there is no second copy */
export function createJournal(factory, timers) {
  const opened = open(factory);

  /** Runs `work` on the store. Answers what the function that it returns has to say when all is committed, or null. */
  async function run(mode, work) {
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
    /** Notes one entry, or with null that it is gone. */
    note: (revision, key, text) =>
      run('readwrite', (store) => {
        if (text === null) store.delete(key);
        else store.put(text, key);
        const known = store.get(REVISION);
        // Two tabs may note at once: the higher number stays.
        known.onsuccess = () => store.put(Math.max(known.result ?? 0, revision), REVISION);
      }),

    /** The whole copy, `{revision, entries}`, or null. */
    async read() {
      const reading = run('readonly', (store) => {
        const [keys, texts] = [store.getAllKeys(), store.getAll()];
        return () => keys.result.map((key, index) => [key, texts.result[index]]);
      });
      const found = await within(timers, reading);
      if (!found) return null;
      const entries = new Map(found);
      const revision = entries.get(REVISION) ?? 0;
      entries.delete(REVISION);
      return { revision, entries };
    },

    /** Makes the copy what it would be if every note had arrived, unless a newer one has. */
    replace: (revision, entries) =>
      run('readwrite', (store) => {
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

function open(factory) {
  return new Promise((resolve) => {
    const request = factory.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      // Another version of the page must not wait for this tab.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => resolve(null);
  }).catch(() => null);
}

function within(timers, promise) {
  return Promise.race([promise, new Promise((resolve) => timers.set(() => resolve(null), PATIENCE_MS))]);
}
