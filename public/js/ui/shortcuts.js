// Shortcuts of the keyboard for the whole page. The keys of the message box and of the lists are theirs.
// @ts-check

import { HEADER, SESSIONS_KEYS as KEYS } from '../core/words/page.js';
import { find } from './dom.js';

/** On Apple's systems, the Command key has the role of the Control key. */
const isApple = /mac|iphone|ipad/i.test(navigator.platform);
/** Name of the shortcut that opens the sessions. */
export const SESSIONS_KEYS = isApple ? KEYS.apple : KEYS.other;

/** @param {{chat: Chat, dialogs: Dialogs}} deps */
export function createShortcuts({ chat, dialogs }) {
  find('sessions-button').title = HEADER.sessions(SESSIONS_KEYS);
  find('keys-button').addEventListener('click', () => void dialogs.openKeys());

  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    const { key, altKey, shiftKey } = event;
    const hasCommand = isApple ? event.metaKey : event.ctrlKey;
    const isInDialog = document.querySelector('dialog[open], :popover-open') !== null;
    if (hasCommand && !altKey && !shiftKey && key.toLowerCase() === 'k') {
      event.preventDefault();
      if (!isInDialog || document.querySelector('#sessions-dialog[open]')) void dialogs.searchSessions();
    } else if (key === 'Escape' && !isInDialog) void chat.stop();
    else if (key === '?' && !isInDialog && !hasCommand && !isTextField(event.target)) {
      event.preventDefault();
      void dialogs.openKeys();
    }
  });
}

const isTextField = (/** @type {EventTarget | null} */ target) =>
  target instanceof Element && target.matches('input:not([type=radio]), textarea, select');
