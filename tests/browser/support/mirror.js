// The mirror of the page's records in IndexedDB, from which a browser that was killed goes on.

import { expect } from '@playwright/test';

/** Waits until the mirror of the page's records contains `text`. From then on it survives a crash. */
export async function waitUntilMirrored(page, text) {
  const entries = () =>
    page.evaluate(async () => {
      const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
      const database = await done(indexedDB.open('nono'));
      const records = await done(database.transaction('kept').objectStore('kept').getAll());
      database.close();
      return records.join('\n');
    });
  await expect.poll(entries).toContain(text);
}
