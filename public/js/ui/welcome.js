// The welcome view, which is shown while no session is open: the personas to start with.
// @ts-check

import { element, find } from './dom.js';

/** @param {{chat: Chat, openNew: (persona?: string) => void, openSessions: () => void}} deps */
export function createWelcome({ chat, openNew, openSessions }) {
  const list = find('welcome-personas');
  find('welcome-sessions').addEventListener('click', () => openSessions());

  chat.store.watch(['view'], ({ view }) => {
    find('welcome').hidden = view !== 'welcome';
  });
  chat.store.watch(['config'], ({ config }) => {
    find('welcome-owner').hidden = config?.auth !== 'cookie';
  });
  chat.store.watch(['personas'], ({ personas }) => {
    list.replaceChildren(...personas.map((persona) => element('li', {}, createCard(persona))));
  });

  function createCard(/** @type {Persona} */ { key, name, description }) {
    return element(
      'button',
      { type: 'button', class: 'persona-card', on: { click: () => openNew(key) } },
      element('span', { class: 'persona-initial', 'aria-hidden': 'true' }, [...name][0]),
      element('span', { class: 'persona-name', dir: 'auto' }, name),
      element('span', { class: 'persona-description', dir: 'auto' }, description ?? ''),
    );
  }
}
