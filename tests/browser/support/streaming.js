// Actions while a reply streams. They run in the page, because a demo reply takes two seconds, which a busy test runner may miss.

/**
 * Waits until a reply streams. Then it leaves the reply alone, clicks Stop or reloads the page, by `action`. Call it before sending.
 * Returns the state of the newest message at that time and whether Stop was visible.
 *
 * @param {'watch' | 'stop' | 'reload'} action
 */
export function onceStreaming(page, action) {
  return page.evaluate(async (wanted) => {
    const stop = document.getElementById('stop');
    await new Promise((resolve) => {
      new MutationObserver((_, observer) => {
        if (stop.hidden) return;
        observer.disconnect();
        resolve();
      }).observe(stop, { attributes: true });
    });
    const newest = [...document.querySelectorAll('#messages article')].at(-1);
    const seen = { state: newest.dataset.state, canStop: stop.checkVisibility() };
    if (wanted === 'stop') stop.click();
    // Delayed, so that the result reaches the test before the document is unloaded.
    if (wanted === 'reload') setTimeout(() => location.reload());
    return seen;
  }, action);
}
