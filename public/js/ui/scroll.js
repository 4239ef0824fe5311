// The one owner of the conversation's scrolling: stays at the end until the reader moves away, then leaves the place alone.

/** How near to the end still counts as the end, in pixels. */
const NEAR_END = 48;

/**
 * @param {HTMLElement} box what scrolls
 * @param {HTMLElement} list the rows in it
 * @param {HTMLButtonElement} button leads to the end when something new came while the reader was elsewhere
 */
export function createScroll(box, list, button) {
  let pinned = true;
  /** Where we put it ourselves: a scroll event that finds it elsewhere is the reader's. */
  let written = -1;

  const toEnd = () => {
    box.scrollTop = box.scrollHeight;
    written = box.scrollTop;
  };

  box.addEventListener('scroll', () => {
    if (Math.abs(box.scrollTop - written) <= 1) return;
    follow(box.scrollHeight - box.scrollTop - box.clientHeight <= NEAR_END);
  });
  const sizes = new ResizeObserver(() => pinned && toEnd());
  sizes.observe(box);
  sizes.observe(list);

  function follow(end) {
    pinned = end;
    box.classList.toggle('reading', !pinned);
    if (pinned) button.hidden = true;
  }

  function pin() {
    follow(true);
    toEnd();
  }
  button.addEventListener('click', () => {
    pin();
    box.focus();
  });

  return {
    /** The person sent something or came to another session: to the end, wherever we were. */
    pin,

    /** Whether the reader has moved away from the end. */
    isReading: () => !pinned,

    /** Makes a change of the rows. `added` says that something new came at the end. */
    around(change, added) {
      const anchor = pinned ? null : firstVisible(box, list);
      const before = anchor?.getBoundingClientRect().top;
      change();
      if (pinned) toEnd();
      else if (anchor?.isConnected) {
        box.scrollTop += anchor.getBoundingClientRect().top - before;
        written = box.scrollTop;
      }
      if (!pinned && added) button.hidden = false;
    },
  };
}

/** The first message in sight. A day mark will not do: it stays in front of what is put in front. */
function firstVisible(box, list) {
  const { top } = box.getBoundingClientRect();
  return [...list.querySelectorAll('article')].find((row) => row.getBoundingClientRect().bottom > top) ?? null;
}
