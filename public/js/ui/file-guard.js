// Files cannot be sent: a dropped one does not replace the page, and a pasted one is refused with a reason.
// @ts-check

import { VALIDATION } from '../core/words/errors.js';

/** `refuse` shows a reason at the message box. */
export function createFileGuard(/** @type {HTMLElement} */ field, /** @type {(reason: string) => void} */ refuse) {
  const hasFiles = (/** @type {DataTransfer | null} */ data) => data?.types.includes('Files') === true;

  for (const type of /** @type {const} */ (['dragover', 'drop']))
    addEventListener(type, (event) => {
      if (!hasFiles(event.dataTransfer)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'none';
      if (type === 'drop') refuse(VALIDATION.files);
    });
  field.addEventListener('paste', (event) => {
    const data = /** @type {ClipboardEvent} */ (event).clipboardData;
    // A copied part of a document may have a text and an image of it.
    if (!hasFiles(data) || data?.getData('text/plain')) return;
    event.preventDefault();
    refuse(VALIDATION.files);
  });
}
