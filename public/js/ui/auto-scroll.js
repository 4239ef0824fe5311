// Scrolls the conversation: keeps its end in view until the user scrolls away, and then preserves the scroll position.
// @ts-check

/** Distance from the end, in pixels, that counts as the end. */
const NEAR_END_PX = 48;

/**
 * @param {HTMLElement} box the scroll container
 * @param {HTMLElement} list the rows in it
 * @param {HTMLButtonElement} button scrolls to the end; shown when a message arrives while the end is out of view
 */
export function createAutoScroll(box, list, button) {
  let pinned = true;
  /** The scroll position that was set here. A scroll event with another position comes from the user. */
  let expectedTop = -1;

  const scrollToEnd = () => {
    box.scrollTop = box.scrollHeight;
    expectedTop = box.scrollTop;
  };

  function setPinned(/** @type {boolean} */ value) {
    pinned = value;
    box.classList.toggle('reading', !pinned);
    if (pinned) button.hidden = true;
  }

  /** Scrolls to the end and keeps it in view. */
  function pin() {
    setPinned(true);
    scrollToEnd();
  }

  box.addEventListener('scroll', () => {
    if (Math.abs(box.scrollTop - expectedTop) <= 1) return;
    setPinned(box.scrollHeight - box.scrollTop - box.clientHeight <= NEAR_END_PX);
  });
  const sizes = new ResizeObserver(() => pinned && scrollToEnd());
  sizes.observe(box);
  sizes.observe(list);
  button.addEventListener('click', () => {
    pin();
    box.focus();
  });

  return {
    pin,

    /** Returns true while the end is kept in view. */
    isPinned: () => pinned,

    /** Runs a change of the rows and preserves the scroll position. `isAdded` tells that a row was added at the end. */
    preserve(/** @type {() => void} */ change, /** @type {boolean} */ isAdded) {
      const anchor = pinned ? null : firstVisible(box, list);
      const before = anchor?.getBoundingClientRect().top ?? 0;
      change();
      if (pinned) scrollToEnd();
      else if (anchor?.isConnected) {
        box.scrollTop += anchor.getBoundingClientRect().top - before;
        expectedTop = box.scrollTop;
      }
      if (!pinned && isAdded) button.hidden = false;
    },
  };
}

/** Returns the first visible message. A day separator is no anchor, because older messages are inserted below it. */
function firstVisible(/** @type {Element} */ box, /** @type {Element} */ list) {
  const { top } = box.getBoundingClientRect();
  return [...list.querySelectorAll('article')].find((row) => row.getBoundingClientRect().bottom > top) ?? null;
}
