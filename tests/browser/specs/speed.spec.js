// The times until the first screen is painted and until it can be used on a slow phone, as multiples of those of a minimal page, which
// depend less on the speed of the machine. The times are written to results/speed.json.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '../support/fixture.js';
import { startNono } from '../support/program.js';

const RESULTS = new URL('../results/', import.meta.url);
/** The phone and the network that Lighthouse applies: Fast 3G, and a processor of a fourth of the speed. */
const NETWORK = { offline: false, latency: 562.5, downloadThroughput: 184_320, uploadThroughput: 86_400 };
const CPU_SLOWDOWN = 4;
/** Measurements of each page. The shortest counts, because other work on the machine only adds to it. */
const ROUNDS = 3;

/** Limits of the ratios. Measured: 1.9 to 2.3 and 2.2 to 3.0, also with both cores busy; 3.2 and 10.8 without the bundle. */
const PAINTED_RATIO = 2.8;
const USABLE_RATIO = 3.5;

/** A page with a text and a message box, in one file without styles and scripts. */
const MINIMAL = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Minimal</title><link rel="icon" href="data:,">
<h1>Who would you like to talk to?</h1><form><textarea id="message"></textarea><button id="send">Send</button></form>`;

/** Records the largest contentful paint, and the time from which Send is enabled. */
function observe() {
  window.times = {};
  new PerformanceObserver((list) => {
    window.times.painted = list.getEntries().at(-1).startTime;
  }).observe({ type: 'largest-contentful-paint', buffered: true });
  const check = () => {
    const send = document.getElementById('send');
    if (send && !send.disabled) window.times.usable ??= performance.now();
  };
  new MutationObserver(check).observe(document, { subtree: true, childList: true, attributes: true });
}

/** Returns the times of a first visit of a page. */
async function visit(browser, url) {
  const context = await browser.newContext({ viewport: { width: 412, height: 823 } });
  const page = await context.newPage();
  await page.addInitScript(observe);
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', NETWORK);
  await session.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWDOWN });
  await page.goto(url, { waitUntil: 'networkidle' });
  await expect.poll(() => page.evaluate(() => Object.keys(window.times).length)).toBe(2);
  const times = await page.evaluate(() => window.times);
  await context.close();
  return times;
}

test('on a slow phone the first screen is painted and usable within a multiple of the time of a minimal page', async ({
  browser,
}) => {
  test.setTimeout(180_000);
  const folder = await mkdtemp(join(tmpdir(), 'nono-minimal-'));
  await writeFile(join(folder, 'index.html'), MINIMAL);
  const programs = { page: await startNono(), minimal: await startNono({ publicDir: folder }) };
  const least = { page: {}, minimal: {} };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, { url }] of Object.entries(programs)) {
      const times = await visit(browser, url);
      for (const [key, ms] of Object.entries(times)) least[name][key] = Math.min(least[name][key] ?? Infinity, ms);
    }
  }
  for (const { stop } of Object.values(programs)) await stop();
  await rm(folder, { recursive: true });
  await mkdir(RESULTS, { recursive: true });
  await writeFile(new URL('speed.json', RESULTS), `${JSON.stringify(least, null, 2)}\n`);
  expect(least.page.painted / least.minimal.painted).toBeLessThan(PAINTED_RATIO);
  expect(least.page.usable / least.minimal.usable).toBeLessThan(USABLE_RATIO);
});
