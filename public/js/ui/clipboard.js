// Copies texts to the clipboard. Loaded with the first code, with the dialogs, or when a message is first copied.
// @ts-check

import { COPY } from '../core/words/conversation.js';
import { announce } from './announcer.js';
import { element, setText } from './dom.js';

/** Time for which the button shows the result. */
const RESULT_MS = 2_000;

/**
 * Copies a text. Returns true if it succeeded.
 *
 * @param {string} text
 * @param {(text: string) => boolean} copySelection does the same without the clipboard API, which needs https or localhost
 */
export async function copyText(text, copySelection = copyFromField) {
  const isWritten = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  return isWritten || copySelection(text);
}

/**
 * Copies a text that is shown in `source`, which remains selected if that is not possible. The button shows the result.
 *
 * @param {string} text
 * @param {{source: Element, button: Element, name: string}} options `name` is announced
 */
export async function copyShownText(text, { source, button, name }) {
  const isCopied = await copyText(text, () => copyFrom(source, text));
  setText(button, isCopied ? COPY.done : COPY.selected);
  announce(isCopied ? COPY.isDone(name) : COPY.isSelected(name));
  setTimeout(() => setText(button, COPY.label), RESULT_MS);
}

/** Selects `source` and copies `text` in its stead. Returns false if the browser does not permit it. */
function copyFrom(/** @type {Element} */ source, /** @type {string} */ text) {
  getSelection()?.selectAllChildren(source);
  const write = (/** @type {ClipboardEvent} */ event) => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
  };
  document.addEventListener('copy', write, { once: true });
  const isCopied = document.execCommand('copy');
  document.removeEventListener('copy', write);
  if (isCopied) getSelection()?.removeAllRanges();
  return isCopied;
}

/** Copies a text that is not shown. */
function copyFromField(/** @type {string} */ text) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const field = element('textarea', { class: 'visually-hidden', 'aria-hidden': 'true' });
  field.value = text;
  // Everything outside an open dialog is inert.
  (focused?.closest('dialog') ?? document.body).append(field);
  field.select();
  const isCopied = document.execCommand('copy');
  field.remove();
  focused?.focus();
  return isCopied;
}
