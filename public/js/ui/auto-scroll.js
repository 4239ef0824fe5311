// Scrolls the conversation: keeps a question that was just sent at the top, or the end in view, until the user scrolls away.
// @ts-check

import { JUMP_TO_NEW } from '../core/words/conversation.js';
import { find } from './dom.js';

/** Distance from the end, in pixels, that counts as the end. */
const NEAR_END_PX = 48;

/**
 * `end`: the end is kept in view. `question`: a question is kept at the top, and its reply grows below it. `free`: the user has
 * scrolled, and the scroll position is preserved.
 *
 * @typedef {'end' | 'question' | 'free'} Mode
 */

/**
 * @param {HTMLElement} box the scroll container
 * @param {HTMLElement} list the rows in it
 */
export function createAutoScroll(box, list) {
  const column = /** @type {HTMLElement} */ (list.parentElement);
  const button = find('jump');
  const label = find('jump-label');
  const { title: jumpToEnd } = button;
  /** @type {Mode} */
  let mode = 'end';
  /** @type {HTMLElement | null} the first row below which there is room for a reply */
  let question = null;
  /** The height below the rows, in pixels, without which the question could not be at the top. */
  let room = 0;
  /** True while there are rows that were added out of view. */
  let hasNew = false;
  /** The scroll position that was set here. A scroll event with another position comes from the user. */
  let expectedTop = -1;

  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight <= NEAR_END_PX;

  function setMode(/** @type {Mode} */ value) {
    mode = value;
    box.classList.toggle('reading', mode === 'free');
  }

  function scrollTo(/** @type {number} */ top) {
    box.scrollTop = top;
    expectedTop = box.scrollTop;
  }

  /** Returns the scroll position at which the question is at the top. */
  function questionTop() {
    // The row is replaced if the message is known by its seq before the request that sent it is accepted.
    if (question && !question.isConnected)
      question = withDay([...list.querySelectorAll('article[data-role=user]')].at(-1));
    if (!question) return null;
    return question.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
  }

  /** Adapts the room, the scroll position and the button to the sizes of the rows. */
  function update() {
    const top = questionTop();
    const end = list.getBoundingClientRect().bottom - box.getBoundingClientRect().top + box.scrollTop;
    const below = pixels(getComputedStyle(box).paddingBlockEnd) + pixels(getComputedStyle(list).marginBlockEnd);
    const next = top === null ? 0 : Math.max(0, Math.round(top + box.clientHeight - below - end));
    if (next !== room) {
      room = next;
      column.style.paddingBlockEnd = room ? `${room}px` : '';
    }
    if (mode === 'end') scrollTo(box.scrollHeight);
    else if (mode === 'question' && top !== null) scrollTo(top);
    updateButton();
  }

  function updateButton() {
    const distance = list.getBoundingClientRect().bottom - box.getBoundingClientRect().bottom;
    button.hidden = box.hidden || distance <= NEAR_END_PX;
    hasNew &&= !button.hidden;
    label.hidden = !hasNew;
    button.setAttribute('aria-label', hasNew ? JUMP_TO_NEW : jumpToEnd);
  }

  /** Scrolls to the end and keeps it in view. If there is room, a question is at the top then. */
  function follow() {
    setMode(room > 0 ? 'question' : 'end');
    update();
  }

  box.addEventListener('scroll', () => {
    if (Math.abs(box.scrollTop - expectedTop) > 1) {
      expectedTop = -1;
      setMode(!isAtEnd() ? 'free' : room > 0 ? 'question' : 'end');
    }
    updateButton();
  });
  const sizes = new ResizeObserver(update);
  sizes.observe(box);
  sizes.observe(list);

  /**
   * Has `update` run with the next layout. A new row has an estimated height until it is laid out, and the list may then be as high
   * as when it was last observed, which would not be reported.
   */
  function updateWithLayout() {
    sizes.unobserve(list);
    sizes.observe(list);
  }

  button.addEventListener('click', () => {
    follow();
    box.focus();
  });

  return {
    /** Scrolls to the end of another conversation and keeps it in view. */
    pin() {
      question = null;
      setMode('end');
      update();
    },

    follow,

    /** Scrolls a question to the top, with the day that begins with it, and keeps it there. */
    showAtTop(/** @type {HTMLElement} */ row) {
      question = withDay(row);
      setMode('question');
      update();
    },

    /** Returns true unless the user has scrolled away. */
    isPinned: () => mode !== 'free',

    /** Runs a change of the rows and preserves the scroll position. `isAdded` tells that a row was added at the end. */
    preserve(/** @type {() => void} */ change, /** @type {boolean} */ isAdded) {
      const anchor = mode === 'free' ? firstVisible(box, list) : null;
      const before = anchor?.getBoundingClientRect().top ?? 0;
      change();
      hasNew ||= mode === 'free' && isAdded;
      if (anchor?.isConnected) scrollTo(box.scrollTop + anchor.getBoundingClientRect().top - before);
      update();
      updateWithLayout();
    },
  };
}

const pixels = (/** @type {string} */ length) => Number.parseFloat(length);

/** Returns the day separator above a row, if there is one, and otherwise the row. */
function withDay(/** @type {Element | undefined} */ row) {
  const before = row?.previousElementSibling;
  const first = before?.matches('.day') ? before : row;
  return first instanceof HTMLElement ? first : null;
}

/** Returns the first visible message. A day separator is no anchor, because older messages are inserted below it. */
function firstVisible(/** @type {Element} */ box, /** @type {Element} */ list) {
  const { top } = box.getBoundingClientRect();
  return [...list.querySelectorAll('article')].find((row) => row.getBoundingClientRect().bottom > top) ?? null;
}
