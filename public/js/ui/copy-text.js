// Copies a text to the clipboard.
// @ts-check

import { element } from './dom.js';

/** Copies a text. Without the clipboard API, which needs https or localhost, it uses `execCommand`. Returns true if it succeeded. */
export async function copyText(/** @type {string} */ text) {
  const isCopied = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  return isCopied || copySelection(text);
}

function copySelection(/** @type {string} */ text) {
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
