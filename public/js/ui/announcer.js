// Says in a polite live region what can be seen but not heard. The conversation itself is a log and speaks for itself.

import { nameOf } from '../core/personas.js';
import { find } from './dom.js';

/** Says `words` where they are heard: while a dialog is open, what is outside it is mute. */
export function say(words) {
  const region = document.querySelector('dialog[open] .announcer') ?? find('announcer');
  // The same words again are news only if the text differs.
  region.textContent = region.textContent === words ? `${words}\u00a0` : words;
}

export function createAnnouncer(chat) {
  let previous = chat.store.state;

  chat.store.watch(['reply', 'view', 'pending', 'deletions'], (state) => {
    const said = wordsFor(previous, state);
    previous = state;
    if (said) say(said);
  });
}

function wordsFor(before, now) {
  const [was, is] = [before.reply?.state, now.reply?.state];
  if (was !== 'streaming' && is === 'streaming') return 'Assistant is replying.';
  if (was === 'streaming' && is === 'stopped') return 'Stopped. The reply will still be stored.';
  // What went wrong is an alert in the conversation.
  if (was && !is && before.view === 'open' && now.view === 'open') return 'The reply is complete.';
  if (before.view !== 'open' && now.view === 'open') {
    const { user_id: name, persona, message_count: count } = now.session;
    return `Session of ${name} with ${nameOf(now.personas, persona)} is open, ${count === 1 ? '1 message' : `${count} messages`}.`;
  }
  if (now.deletions.length > before.deletions.length) return `Session of ${now.deletions.at(-1).user_id} deleted. Undo is available for 10 seconds.`;
  return '';
}
