// The button that shows and collapses the list of sessions next to the conversation. Its state is remembered.
// @ts-check

import { HEADER } from '../core/words/page.js';
import { findButton } from './dom.js';

/** Not a record of core/storage.js: first-paint.js reads it, before that one can. */
const KEY = 'nono-column';

/** @param {{chat: Chat, dialogs: Dialogs}} deps */
export function createColumnButton({ chat, dialogs }) {
  const button = findButton('column-button');
  const { dataset } = document.documentElement;
  /** From this width on, css/layout.css shows the list. */
  const wide = matchMedia('(min-width: 68.75rem)');

  function update() {
    const isOpen = dataset.column === 'open';
    button.setAttribute('aria-expanded', String(isOpen));
    button.title = isOpen ? HEADER.hideColumn : HEADER.showColumn;
    const isShown = isOpen && wide.matches;
    if (chat.store.state.list.docked !== isShown) chat.showList('docked', isShown);
    if (isShown) dialogs.prepareSessions();
  }

  button.addEventListener('click', () => {
    dataset.column = dataset.column === 'open' ? 'closed' : 'open';
    try {
      localStorage.setItem(KEY, dataset.column);
    } catch {
      // Remembered for this visit only.
    }
    update();
  });
  wide.addEventListener('change', update);
  chat.store.watch(['view'], ({ view }) => {
    if (dataset.column !== 'auto' || (view !== 'starting' && view !== 'open')) return;
    dataset.column = 'open';
    update();
  });

  return { update };
}
