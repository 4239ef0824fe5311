// Actions while a reply streams. They run in the page, because a demo reply takes two seconds, which a busy test runner may miss.

/**
 * Waits until a reply streams. Then it leaves the reply alone, clicks Stop once there is some text, or reloads the page, by `action`.
 * Call it before sending. Returns the state of the newest message at that time and whether Stop was visible.
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
    const newest = () => [...document.querySelectorAll('#messages article')].at(-1);
    const seen = { state: newest().dataset.state, canStop: stop.checkVisibility() };
    if (wanted === 'stop') {
      const hasText = () => newest().dataset.role === 'assistant' && newest().querySelector('.body').textContent !== '';
      await new Promise((resolve) => {
        const check = (_, observer) => {
          if (!hasText()) return;
          observer.disconnect();
          resolve();
        };
        const observer = new MutationObserver(check);
        observer.observe(document.getElementById('messages'), { childList: true, subtree: true, characterData: true });
        check([], observer);
      });
      stop.click();
    }
    // Delayed, so that the result reaches the test before the document is unloaded.
    if (wanted === 'reload') setTimeout(() => location.reload());
    return seen;
  }, action);
}
