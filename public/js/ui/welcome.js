// The page before any session is open: a greeting and the voices to start with.

import { element, find } from './dom.js';

/** @param {{chat: object, openNew: (persona?: string) => void, openSessions: () => void}} deps */
export function createWelcome({ chat, openNew, openSessions }) {
  const list = find('welcome-personas');
  find('welcome-sessions').addEventListener('click', () => openSessions());

  chat.store.watch(['view'], ({ view }) => {
    find('welcome').hidden = view !== 'welcome';
  });
  chat.store.watch(['personas'], ({ personas }) => {
    list.replaceChildren(...personas.map((persona) => element('li', {}, card(persona))));
  });

  function card({ key, name, description }) {
    return element(
      'button',
      { type: 'button', class: 'persona-card', on: { click: () => openNew(key) } },
      element('span', { class: 'persona-mark', 'aria-hidden': 'true' }, [...name][0]),
      element('span', { class: 'persona-name', dir: 'auto' }, name),
      element('span', { class: 'persona-description', dir: 'auto' }, description ?? ''),
    );
  }
}
