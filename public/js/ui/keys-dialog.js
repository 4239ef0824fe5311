// The sheet of the keyboard's shortcuts. Loaded when it is first opened.
// @ts-check

import { element } from './dom.js';
import { SESSIONS_KEYS } from './shortcuts.js';

const HEADING = 'Keyboard shortcuts';
/** @type {[keys: string[], effect: string][]} */
const KEYS = [
  [['Enter'], 'Send the message'],
  [['Shift', 'Enter'], 'Start a new line'],
  [['↑'], 'In an empty message box: take the last message back if it is not sent yet'],
  [['Esc'], 'Close what is open, or else stop the reply'],
  [SESSIONS_KEYS.split(/\+|(?<=⌘)/), 'Search the sessions'],
  [['↑', '↓'], 'In the list of sessions: move between the search and the rows'],
  [['?'], 'Show this sheet, outside of text fields'],
];

export function createKeysDialog() {
  const rows = KEYS.map(([keys, effect]) =>
    element(
      'div',
      { class: 'keys-row' },
      element('dt', {}, ...keys.map((key) => element('kbd', {}, key))),
      element('dd', {}, effect),
    ),
  );
  const close = element('button', { type: 'button', class: 'button primary' }, 'Close');
  const dialog = element(
    'dialog',
    { class: 'dialog', id: 'keys-dialog', 'aria-labelledby': 'keys-heading', closedby: 'any' },
    element(
      'div',
      { class: 'dialog-body' },
      element('h2', { id: 'keys-heading' }, HEADING),
      element('dl', { class: 'keys' }, ...rows),
      element('div', { class: 'dialog-actions' }, close),
    ),
  );
  close.addEventListener('click', () => dialog.close());
  document.body.append(dialog);

  return {
    open() {
      dialog.showModal();
      close.focus();
    },
  };
}
