// Printing: loads the whole conversation first, or says on the paper that its beginning is missing.
// @ts-check

import { NOT_PRINTED } from '../core/words/conversation.js';
import { setText } from './dom.js';

/** @param {{chat: Chat, older: HTMLElement}} deps `older` is the button that loads older messages */
export function listenToPrint({ chat, older }) {
  async function printAll() {
    await chat.loadAll();
    // The new rows are laid out before the browser takes them.
    requestAnimationFrame(() => window.print());
  }

  document.addEventListener('keydown', (event) => {
    const isPrint = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key === 'p';
    if (!isPrint || !chat.store.state.hasOlder) return;
    event.preventDefault();
    void printAll();
  });

  // A browser that prints from its menu does not wait.
  let label = '';
  window.addEventListener('beforeprint', () => {
    label = older.textContent ?? '';
    setText(older, NOT_PRINTED);
  });
  window.addEventListener('afterprint', () => setText(older, label));
}
