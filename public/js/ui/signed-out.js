// The notices of the dialogs while this browser is signed out. They have the words and the action of the banner.
// @ts-check

import { describeSignedOut } from '../core/sign-in.js';
import { element, setText } from './dom.js';

/** Creates a notice, which is hidden while this browser has access. */
export function createSignedOutNotice(/** @type {Chat} */ chat) {
  const text = element('p', { role: 'alert', dir: 'auto' });
  const button = element('button', { type: 'button', class: 'button small', on: { click: chat.signIn } });
  const node = element(
    'div',
    { class: 'inline-notice', hidden: true },
    text,
    element('div', { class: 'inline-actions' }, button),
  );
  chat.store.watch(['signedOut'], ({ signedOut }) => {
    node.hidden = !signedOut;
    const words = signedOut ? describeSignedOut(signedOut) : { text: '', label: '' };
    setText(text, words.text);
    setText(button, words.label);
  });
  return node;
}
