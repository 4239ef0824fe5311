// A menu of actions that opens at a button, below a note. It has the keyboard of a menu, and Escape or a click elsewhere closes it.
// @ts-check

import { announce } from './announcer.js';
import { element, setText } from './dom.js';

/** Time for which the result of an action is shown before the menu closes. */
const RESULT_MS = 1_200;
/** Distance between the button and the menu, and between the menu and the edges of the window. */
const GAP_PX = 4;
const EDGE_PX = 8;

/** Opens a menu at a button, with a note of several lines above its items. While it is open, the button closes it. */
export function openMenu(
  /** @type {HTMLElement} */ button,
  /** @type {string} */ label,
  /** @type {string[]} */ note,
  /** @type {MenuItem[]} */ items,
) {
  const close = () => menu.isConnected && menu.hidePopover();
  const list = element(
    'div',
    { class: 'menu-items', role: 'menu', 'aria-label': label, 'aria-describedby': 'menu-note' },
    ...items.map((item) => createItem(item, close)),
  );
  const lines = note.map((line) => element('span', { dir: 'auto' }, line));
  const menu = element(
    'div',
    { class: 'menu', popover: 'auto' },
    element('p', { class: 'menu-note', id: 'menu-note' }, ...lines),
    list,
  );
  // Everything outside an open dialog is inert.
  (button.closest('dialog') ?? document.body).append(menu);
  button.setAttribute('aria-expanded', 'true');
  menu.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === 'open') return;
    const hadFocus = menu.contains(document.activeElement) || document.activeElement === document.body;
    menu.remove();
    removeEventListener('resize', close);
    button.setAttribute('aria-expanded', 'false');
    if (hadFocus && button.isConnected) button.focus();
  });
  menu.addEventListener('keydown', (event) => onKey(event, list, close));
  addEventListener('resize', close);
  menu.showPopover({ source: button });
  positionAt(button, menu);
  /** @type {HTMLElement} */ (list.firstElementChild).focus();
}

function createItem(/** @type {MenuItem} */ { label, act, hasResult, isDanger }, /** @type {() => void} */ close) {
  const item = element('button', { type: 'button', role: 'menuitem', tabindex: '-1', class: 'menu-item' }, label);
  item.classList.toggle('danger', isDanger === true);
  item.addEventListener('click', async () => {
    // Returns the focus to the button, which the action may remove.
    if (!hasResult) close();
    const result = await act();
    if (!hasResult) return;
    setText(item, String(result));
    announce(String(result));
    setTimeout(close, RESULT_MS);
  });
  return item;
}

function onKey(/** @type {KeyboardEvent} */ event, /** @type {HTMLElement} */ list, /** @type {() => void} */ close) {
  const items = /** @type {HTMLElement[]} */ ([...list.children]);
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  /** @type {Record<string, number>} */
  const targets = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
  if (event.key === 'Tab') return close();
  if (!(event.key in targets)) return;
  event.preventDefault();
  items.at(targets[event.key] % items.length)?.focus();
}

/** Positions the menu below the button, or above it if there is no space, and within the window. */
function positionAt(/** @type {HTMLElement} */ button, /** @type {HTMLElement} */ menu) {
  const anchor = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const isRtl = getComputedStyle(button).direction === 'rtl';
  const left = isRtl ? anchor.left : anchor.right - width;
  const below = anchor.bottom + GAP_PX;
  const top = below + height + EDGE_PX > innerHeight ? anchor.top - GAP_PX - height : below;
  menu.style.left = `${Math.max(EDGE_PX, Math.min(left, innerWidth - width - EDGE_PX))}px`;
  menu.style.top = `${Math.max(EDGE_PX, top)}px`;
}
