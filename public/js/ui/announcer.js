// Announces changes in a polite live region. Messages are announced by the conversation itself, which is a log.
// @ts-check

import { UNDO_MS } from '../core/deletions.js';
import { personaName } from '../core/personas.js';
import { ANNOUNCEMENTS } from '../core/words/page.js';
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

function announcementFor(/** @type {State} */ before, /** @type {State} */ now) {
  const [was, is] = [before.turn?.state, now.turn?.state];
  if (was !== 'streaming' && is === 'streaming') return ANNOUNCEMENTS.replying;
  if (is === 'failed' && was !== is && now.turn?.problem?.reason === 'TURN_CANCELLED') return ANNOUNCEMENTS.stopped;
  // Errors are alerts in the conversation.
  if (was && !is && before.view === 'open' && now.view === 'open')
    return now.messages.at(-1)?.finish === 'cancelled' ? ANNOUNCEMENTS.stopped : ANNOUNCEMENTS.complete;
  if (before.view !== 'open' && now.view === 'open' && now.session) {
    const { userId, persona, messageCount } = now.session;
    return ANNOUNCEMENTS.opened(userId, personaName(now.personas, persona), messageCount);
  }
  if (now.deletions.length > before.deletions.length) {
    return ANNOUNCEMENTS.deleted(now.deletions.at(-1)?.userId, UNDO_MS / 1000);
  }
  return '';
}
