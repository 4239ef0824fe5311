// Control of the page's clock, so that no expectation depends on the speed of the machine.

import { expect } from '@playwright/test';

/** Time of the page between reading its clock and stopping it. Doubled after each failure. */
const FIRST_LEAD_MS = 250;
const MAX_LEAD_MS = 10_000;

/** Steps are small, so that few of the page's timers become due while the browser works. */
const STEP_MS = 1;

/**
 * Stops the clock of every page of the context: timers and animation frames run only when the test advances it. Requires
 * `page.clock.install()` before the page is loaded. `page.clock.resume()` starts the clock again.
 */
export async function stopClock(page) {
  for (let lead = FIRST_LEAD_MS; ; lead *= 2) {
    const now = await page.evaluate(() => Date.now());
    try {
      return await page.clock.pauseAt(now + lead);
    } catch (error) {
      // The clock cannot be stopped at a time that has passed.
      if (lead > MAX_LEAD_MS || !/past/.test(error.message)) throw error;
    }
  }
}

/** Runs `task` while the stopped clock advances in small steps, for work in the page that needs timers to finish. */
export async function withSlowClock(page, task) {
  let running = true;
  const result = task().finally(() => (running = false));
  while (running) await page.clock.runFor(STEP_MS);
  return result;
}

/** Requests to the API without a response yet, by context. Event streams are open for as long as a session. */
const inFlight = new WeakMap();

/** Follows the requests of a context, for `holdEvents`. */
export function followRequests(context) {
  const requests = new Set();
  inFlight.set(context, requests);
  context.on('request', (request) => {
    if (/\/api\/(?!.*\/events)/.test(request.url())) requests.add(request);
  });
  for (const end of ['requestfinished', 'requestfailed']) context.on(end, (request) => requests.delete(request));
}

/**
 * Leaves new event streams of the page, and lists of sessions, without a response, and waits for the responses to earlier requests.
 * A clock that is set forward ends the open stream, and the server's time in the next response would correct it.
 */
export async function holdEvents(page) {
  const held = new Set();
  const hold = (route) => void held.add(route.request());
  await page.route('**/events*', hold);
  await page.route('**/sessions?*', hold);
  const earlier = () => [...inFlight.get(page.context())].filter((request) => !held.has(request));
  await expect.poll(() => earlier().map((request) => request.url())).toEqual([]);
}
