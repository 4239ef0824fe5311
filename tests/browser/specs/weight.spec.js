// The bytes that are transferred for a first visit and for a reply with code, and that nothing is transferred twice or late.
// The measurements are written to results/weight.json.

import { mkdir, writeFile } from 'node:fs/promises';
import { createStored, expect, pathOf, test } from '../support/fixture.js';

const RESULTS = new URL('../results/', import.meta.url);
/** Factor of the limits if the server does not compress, as measured with Brotli. They still detect an unwanted library. */
const UNCOMPRESSED = 4.3;

/** Counts the transferred bytes: of bodies by path, and of everything with headers. */
async function countTransfers(page) {
  const session = await page.context().newCDPSession(page);
  const requests = new Map();
  const bodies = new Map();
  const unfinished = new Set();
  let transferred = 0;
  let encoding = 'none';
  session.on('Network.requestWillBeSent', ({ requestId, request }) => {
    // The event stream of a session does not end.
    if (!new URL(request.url).pathname.endsWith('/events')) unfinished.add(requestId);
  });
  session.on('Network.loadingFailed', ({ requestId }) => unfinished.delete(requestId));
  session.on('Network.responseReceived', ({ requestId, response }) => {
    requests.set(requestId, { path: new URL(response.url).pathname, head: response.encodedDataLength });
    const value = Object.entries(response.headers).find(([header]) => header.toLowerCase() === 'content-encoding')?.[1];
    if (value && response.url.endsWith('.js')) encoding = value;
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    unfinished.delete(requestId);
    const { path, head } = requests.get(requestId) ?? {};
    transferred += encodedDataLength;
    if (path && !path.startsWith('/api/')) bodies.set(path, (bodies.get(path) ?? 0) + encodedDataLength - head);
  });
  await session.send('Network.enable');
  return {
    bytes: () => [...bodies.values()].reduce((sum, length) => sum + length, 0),
    paths: () => [...bodies.keys()],
    bytesWithHeaders: () => transferred,
    requests: () => requests.size,
    encoding: () => encoding,
    /** Waits until all requests have ended, because a script runs before the browser reports its size. */
    ended: () => expect.poll(() => unfinished.size).toBe(0),
  };
}

function expectWeight(transfers, limitKb, state) {
  const limit = limitKb * 1024 * (transfers.encoding() === 'none' ? UNCOMPRESSED : 1);
  expect(transfers.bytes()).toBeGreaterThan(10_000);
  expect(transfers.bytes(), state).toBeLessThanOrEqual(limit);
  return { bytes: transfers.bytes(), files: transfers.paths().length, encoding: transfers.encoding() };
}

test('the first message can be typed after at most 15 requests and 40 KiB with headers', async ({ page, chat }) => {
  const transfers = await countTransfers(page);
  await page.goto('/');
  await expect(chat.sendButton).toBeEnabled();
  await page.waitForLoadState('networkidle');
  await transfers.ended();
  const factor = transfers.encoding() === 'none' ? UNCOMPRESSED : 1;
  expect(transfers.requests()).toBeLessThanOrEqual(15);
  expect(transfers.bytesWithHeaders()).toBeGreaterThan(20_000);
  expect(transfers.bytesWithHeaders()).toBeLessThanOrEqual(40 * 1024 * factor);
});

test('a first visit transfers at most 36 KB, and at most 80 KB with a reply that has code in three languages', async ({
  page,
  chat,
  name,
  request,
}) => {
  const text = ['js', 'python', 'sh'].map((language) => `\`\`\`${language}\nx = 1 # "y"\n\`\`\``).join('\n\n');
  await createStored(request, name, [
    ['user', 'Show me'],
    ['assistant', text],
  ]);
  const transfers = await countTransfers(page);
  await page.goto('/', { waitUntil: 'networkidle' });
  await transfers.ended();
  expect(transfers.paths().filter((path) => path.includes('/vendor/'))).toEqual([]);
  const first_visit = expectWeight(transfers, 36, 'first visit');
  await chat.sessionsButton.click();
  await chat.link(name).click();
  await expect(page.locator('.code code:has(span)')).toHaveCount(3);
  await transfers.ended();
  const with_code = expectWeight(transfers, 80, 'with a reply in three languages');
  expect(transfers.paths().filter((path) => path.includes('/languages/'))).toHaveLength(3);
  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL('weight.json', RESULTS), `${JSON.stringify({ first_visit, with_code }, null, 2)}\n`);
});

test('a second visit transfers only what has changed', async ({ page }) => {
  await page.goto('/', { waitUntil: 'networkidle' });
  const transfers = await countTransfers(page);
  await page.reload({ waitUntil: 'networkidle' });
  await transfers.ended();
  expect(transfers.bytes()).toBeLessThan(20_000);
});

test('a session in the address is requested once, before the main script is loaded', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createStored(request, name, [['user', 'Here before']]);
  const requested = [];
  page.on('request', (sent) => {
    const path = decodeURIComponent(new URL(sent.url()).pathname);
    if (path.startsWith(`/api/session/${name}`) && !path.endsWith('/events')) requested.push(path);
  });
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/main.js', async (route) => {
    await held;
    await route.fallback();
  });
  const opened = page.goto(pathOf(name));
  const early = [`/api/session/${name}`, `/api/session/${name}/history`];
  await expect.poll(() => requested).toEqual(early);
  release();
  await opened;
  await expect(chat.userMessage('Here before')).toBeVisible();
  expect(requested).toEqual(early);
});
