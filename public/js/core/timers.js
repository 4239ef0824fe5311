// The clock and the timers. They are passed to every part, so that tests can control time.
// @ts-check

/** @type {Timers} */
export const browserTimers = {
  now: () => Date.now(),
  set: (task, ms) => setTimeout(task, ms),
  clear: (timer) => clearTimeout(/** @type {number} */ (timer)),
  /** Runs `task` before the next frame is painted. Browsers paint no frames while the page is hidden. */
  nextFrame: (task) => requestAnimationFrame(task),
  /** Runs `task` when nothing else is to be done. Safari has no `requestIdleCallback`. */
  whenIdle: (task) => globalThis.requestIdleCallback?.(task, { timeout: 2_000 }) ?? setTimeout(task, 500),
};
