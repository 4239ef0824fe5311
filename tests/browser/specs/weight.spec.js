// What comes over the wire for a first visit and for a reply with code, as the browser counts it; and that nothing is fetched twice.
// The figures go to results/weight.json.

import { mkdir, writeFile } from 'node:fs/promises';
import { expect, store, test } from '../support/fixture.js';

const RESULTS = new URL('../results/', import.meta.url);
/** Where the server does not compress, the limits are those of the plain files: they still catch a library that slipped in. */
const UNCOMPRESSED = 4;

/** Counts the bytes of bodies as they were transferred, by path, without headers. */
async function transfers(page) {
  const session = await page.context().newCDPSession(page);
  const requests = new Map();
  const bodies = new Map();
  const unfinished = new Set();
  let encoding = 'none';
  session.on('Network.requestWillBeSent', ({ requestId }) => unfinished.add(requestId));
  session.on('Network.loadingFailed', ({ requestId }) => unfinished.delete(requestId));
  session.on('Network.responseReceived', ({ requestId, response }) => {
    requests.set(requestId, { path: new URL(response.url).pathname, head: response.encodedDataLength });
    const said = Object.entries(response.headers).find(([header]) => header.toLowerCase() === 'content-encoding')?.[1];
    if (said && response.url.endsWith('.js')) encoding = said;
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    unfinished.delete(requestId);
    const { path, head } = requests.get(requestId) ?? {};
    if (path && !path.startsWith('/api/')) bodies.set(path, (bodies.get(path) ?? 0) + encodedDataLength - head);
  });
  await session.send('Network.enable');
  return {
    bytes: () => [...bodies.values()].reduce((sum, length) => sum + length, 0),
    paths: () => [...bodies.keys()],
    encoding: () => encoding,
    /** Waits until every request has ended: a script runs before the browser reports its size. */
    ended: () => expect.poll(() => unfinished.size).toBe(0),
  };
}

function expectWeight(seen, limitKb, what) {
  const limit = limitKb * 1024 * (seen.encoding() === 'none' ? UNCOMPRESSED : 1);
  expect(seen.bytes()).toBeGreaterThan(10_000);
  expect(seen.bytes(), what).toBeLessThanOrEqual(limit);
  return { bytes: seen.bytes(), files: seen.paths().length, encoding: seen.encoding() };
}

test('a first visit transfers at most 60 KB, and a reply with code in three languages brings it to at most 100 KB', async ({ page, chat, name, request }) => {
  const text = ['js', 'python', 'sh'].map((language) => `\`\`\`${language}\nx = 1 # "y"\n\`\`\``).join('\n\n');
  await store(request, name, [['user', 'Show me'], ['assistant', text]]);
  const seen = await transfers(page);
  await page.goto('/', { waitUntil: 'networkidle' });
  await seen.ended();
  expect(seen.paths().filter((path) => path.includes('/vendor/'))).toEqual([]);
  const first_visit = expectWeight(seen, 60, 'first visit');
  await chat.sessionsButton.click();
  await chat.row(name).getByRole('button').first().click();
  await expect(page.locator('.code code:has(span)')).toHaveCount(3);
  await seen.ended();
  const with_code = expectWeight(seen, 100, 'with a reply in three languages');
  expect(seen.paths().filter((path) => path.includes('/languages/'))).toHaveLength(3);
  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL('weight.json', RESULTS), `${JSON.stringify({ first_visit, with_code }, null, 2)}\n`);
});

test('a second visit asks for nothing that the first has brought, or hears that it has not changed', async ({ page }) => {
  await page.goto('/', { waitUntil: 'networkidle' });
  const seen = await transfers(page);
  await page.reload({ waitUntil: 'networkidle' });
  await seen.ended();
  expect(seen.bytes()).toBeLessThan(20_000);
});
