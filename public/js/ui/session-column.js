// The list of sessions next to the conversation. column-button.js shows and collapses it.
// @ts-check

import { find } from './dom.js';
import { createSessionListView } from './session-list-view.js';

/** @param {{chat: Chat, onOpen: () => void}} deps `onOpen` is called when a session was selected */
export function createSessionColumn({ chat, onOpen }) {
  // The banner next to the list says that this browser is signed out.
  const view = createSessionListView({ chat, id: 'column', onOpen, onFocusLost: onOpen });
  find('session-column').append(...view.nodes);
}
