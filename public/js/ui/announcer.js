// Announces changes in a polite live region. Messages are announced by the conversation itself, which is a log.
// @ts-check

import { personaName } from '../core/personas.js';
import { find } from './dom.js';

/** Announces a text. While dialogs are open, only the region in the top one, the last in the document, is read out. */
export function announce(/** @type {string} */ text) {
  const region = [...document.querySelectorAll('dialog[open] .announcer')].at(-1) ?? find('announcer');
  // A text that is announced twice in a row must differ from the first to be read out.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

export function createAnnouncer(/** @type {Chat} */ chat) {
  let previous = chat.store.state;

  chat.store.watch(['turn', 'view', 'unsent', 'deletions'], (state) => {
    const text = announcementFor(previous, state);
    previous = state;
    if (text) announce(text);
  });
}

const STOPPED = 'The reply was stopped.';

function announcementFor(/** @type {State} */ before, /** @type {State} */ now) {
  const [was, is] = [before.turn?.state, now.turn?.state];
  if (was !== 'streaming' && is === 'streaming') return 'Assistant is replying.';
  if (is === 'failed' && was !== is && now.turn?.problem?.reason === 'TURN_CANCELLED') return STOPPED;
  // Errors are alerts in the conversation.
  if (was && !is && before.view === 'open' && now.view === 'open')
    return now.messages.at(-1)?.finish === 'cancelled' ? STOPPED : 'The reply is complete.';
  if (before.view !== 'open' && now.view === 'open' && now.session) {
    const { userId, persona, messageCount } = now.session;
    const count = messageCount === 1 ? '1 message' : `${messageCount} messages`;
    return `Session of ${userId} with ${personaName(now.personas, persona)} is open, ${count}.`;
  }
  if (now.deletions.length > before.deletions.length) {
    return `Session of ${now.deletions.at(-1)?.userId} deleted. Undo is available for 10 seconds.`;
  }
  return '';
}
