// Copies a text. Loaded when something is first copied.
// @ts-check

import { announce } from './announcer.js';
import { setText } from './dom.js';

/** Time for which the button shows the result. */
const RESULT_MS = 2_000;

/**
 * Copies `text`. Without the clipboard API, which needs https or localhost, it uses `execCommand` with the selected `source`, or else
 * leaves `source` selected. The button shows the result.
 *
 * @param {string} text
 * @param {{source: Element, button: Element, what: string}} options `what` is announced
 */
export async function copyText(text, { source, button, what }) {
  const isWritten = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  const isCopied = isWritten || copySelection(text, source);
  if (isCopied && !isWritten) getSelection()?.removeAllRanges();
  setText(button, isCopied ? 'Copied' : 'Selected');
  announce(isCopied ? `${what} copied.` : `${what} selected: copy it with the keyboard.`);
  setTimeout(() => setText(button, 'Copy'), RESULT_MS);
}

/** Selects `source` and copies `text` in its stead. Returns false if the browser does not permit it. */
function copySelection(/** @type {string} */ text, /** @type {Element} */ source) {
  getSelection()?.selectAllChildren(source);
  const write = (/** @type {ClipboardEvent} */ event) => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
  };
  document.addEventListener('copy', write, { once: true });
  const isCopied = document.execCommand('copy');
  document.removeEventListener('copy', write);
  return isCopied;
}
