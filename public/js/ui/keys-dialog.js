// The sheet of the keyboard's shortcuts. Loaded when it is first opened.
// @ts-check

import { CLOSE, describeKeys, HEADING } from '../core/words/keys.js';
import { element } from './dom.js';
import { SESSIONS_KEYS } from './shortcuts.js';

export function createKeysDialog() {
  const rows = describeKeys(SESSIONS_KEYS.split(/\+|(?<=⌘)/)).map(([keys, effect]) =>
    element(
      'div',
      { class: 'keys-row' },
      element('dt', {}, ...keys.map((key) => element('kbd', {}, key))),
      element('dd', {}, effect),
    ),
  );
  const close = element('button', { type: 'button', class: 'button primary' }, CLOSE);
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
