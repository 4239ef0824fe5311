// What comes over the wire for a first visit and for a reply with code, as the browser counts it; and that nothing is fetched twice.

import { expect, scripted, test } from '../support/fixture.js';

/** Counts the bytes of bodies as they were transferred, by path, without headers. */
async function transfers(page) {
  const session = await page.context().newCDPSession(page);
  const requests = new Map();
  const bodies = new Map();
  let compressed = true;
  session.on('Network.responseReceived', ({ requestId, response }) => {
    requests.set(requestId, { path: new URL(response.url).pathname, head: response.encodedDataLength });
    const encoding = Object.entries(response.headers).find(([header]) => header.toLowerCase() === 'content-encoding')?.[1];
    if (/\.js$/.test(response.url) && !encoding) compressed = false;
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const { path, head } = requests.get(requestId) ?? {};
    if (path && !path.startsWith('/api/')) bodies.set(path, (bodies.get(path) ?? 0) + encodedDataLength - head);
  });
  await session.send('Network.enable');
  return {
    bytes: () => [...bodies.values()].reduce((sum, length) => sum + length, 0),
    paths: () => [...bodies.keys()],
    isCompressed: () => compressed,
  };
}

/** Where the server does not compress, the limits are those of the plain files: they still catch a library that slipped in. */
const UNCOMPRESSED = 4;

async function expectWeight(page, seen, limitKb, what) {
  const limit = limitKb * 1024 * (seen.isCompressed() ? 1 : UNCOMPRESSED);
  test.info().annotations.push({ type: 'weight', description: `${what}: ${seen.bytes()} bytes in ${seen.paths().length} files` });
  expect(seen.bytes()).toBeGreaterThan(10_000);
  expect(seen.bytes(), what).toBeLessThanOrEqual(limit);
}

test('a first visit transfers at most 60 KB', async ({ page }) => {
  const seen = await transfers(page);
  await page.goto('/', { waitUntil: 'networkidle' });
  await expectWeight(page, seen, 60, 'first visit');
  expect(seen.paths().filter((path) => path.includes('/vendor/'))).toEqual([]);
});

scripted('a reply with code in three languages brings it to at most 100 KB', async ({ page, chat, name, program }) => {
  const text = ['js', 'python', 'sh'].map((language) => `\`\`\`${language}\nx = 1 # y\n\`\`\``).join('\n\n');
  program.plan(name, { text, wordMs: 1 });
  const seen = await transfers(page);
  await page.goto('/');
  await chat.create(name);
  await chat.say('Show me');
  await expect(page.locator('.code code:has(span)')).toHaveCount(3);
  await expectWeight(page, seen, 100, 'with a reply in three languages');
  expect(seen.paths().filter((path) => path.includes('/languages/'))).toHaveLength(3);
});

test('a second visit asks for nothing that the first has brought, or hears that it has not changed', async ({ page }) => {
  await page.goto('/', { waitUntil: 'networkidle' });
  const seen = await transfers(page);
  await page.reload({ waitUntil: 'networkidle' });
  expect(seen.bytes()).toBeLessThan(20_000);
});
