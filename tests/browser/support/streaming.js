// Acting while a reply streams. A demo reply of the program takes two seconds, which a busy test runner may miss; the page does not.

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
    // The test hears the result before this document is gone.
    if (wanted === 'reload') setTimeout(() => location.reload());
    return seen;
  }, action);
}
