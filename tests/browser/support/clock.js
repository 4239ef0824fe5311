// Control of the page's clock, so that no expectation depends on the speed of the machine.

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

/**
 * Leaves new event streams of the page, and lists of sessions, without a response. A clock that is set forward ends the open stream,
 * and the server's time in the next response would correct it.
 */
export async function holdEvents(page) {
  await page.route('**/events*', () => {});
  await page.route('**/sessions?*', () => {});
}
