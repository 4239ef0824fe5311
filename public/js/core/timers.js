// The clock and the timers, passed in everywhere so that tests can move time themselves.

export const browserTimers = {
  now: () => Date.now(),
  set: (task, ms) => setTimeout(task, ms),
  clear: (timer) => clearTimeout(timer),
  /** Runs before the next picture is drawn; not at all while the page is hidden. */
  frame: (task) => requestAnimationFrame(task),
};
