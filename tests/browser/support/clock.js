// The clock of the page under a test's control, so that no expectation depends on the speed of the machine.

/** The page's time between reading its clock and stopping it. It is made longer where it was too short. */
const FIRST_LEAD_MS = 250;
const LONGEST_LEAD_MS = 10_000;

/** Small steps leave the page's timers far from due while the browser works. */
const STEP_MS = 1;

/**
 * Stops the clock of every page of the context: timers and animation frames run only when the test moves time. Needs
 * `page.clock.install()` before the page is loaded; `page.clock.resume()` lets time go on.
 */
export async function stopClock(page) {
  for (let lead = FIRST_LEAD_MS; ; lead *= 2) {
    const now = await page.evaluate(() => Date.now());
    try {
      return await page.clock.pauseAt(now + lead);
    } catch (error) {
      // The clock cannot be stopped at a time that has passed.
      if (lead > LONGEST_LEAD_MS || !/past/.test(error.message)) throw error;
    }
  }
}

/** Runs `task` while the stopped clock advances in small steps, for work in the page that needs timers to finish. */
export async function inSlowTime(page, task) {
  let running = true;
  const result = task().finally(() => (running = false));
  while (running) await page.clock.runFor(STEP_MS);
  return result;
}
