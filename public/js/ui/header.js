// The header: the title, the model, the open session and the buttons. Sets the title of the tab too.
// @ts-check

import { personaName } from '../core/personas.js';
import { HEADER } from '../core/words/page.js';
import { find, setText } from './dom.js';
import { createTabTitle } from './tab-title.js';

/** @param {{chat: Chat, dialogs: Dialogs, onFocusLost: () => void}} deps `onFocusLost` is called when the menu's button is hidden */
export function createHeader({ chat, dialogs, onFocusLost }) {
  find('new-button').addEventListener('click', () => void dialogs.openNew());
  find('sessions-button').addEventListener('click', () => void dialogs.openSessions());

  const title = find('title');
  const poweredBy = find('powered-by');
  const initial = { title: title.textContent, poweredBy: poweredBy.textContent };
  const tab = createTabTitle(chat);
  const menu = find('session-menu-button');
  menu.addEventListener('click', () => void dialogs.openSessionMenu(menu));

  chat.store.watch(['config', 'session', 'view', 'personas'], ({ config, session, view, personas }) => {
    const name = config?.title || initial.title;
    setText(title, name);
    setText(poweredBy, config?.poweredBy ? HEADER.poweredBy(config.poweredBy) : initial.poweredBy);
    find('current-user').hidden = !session;
    const hadFocus = document.activeElement === menu;
    menu.hidden = view !== 'open';
    if (hadFocus && menu.hidden) onFocusLost();
    menu.setAttribute('aria-label', HEADER.menu(session?.userId ?? ''));
    setText(find('user-id'), session?.userId ?? '');
    find('user-id').title = session?.userId ?? '';
    setText(find('persona'), session?.persona ? personaName(personas, session.persona) : '');
    tab.set(session ? `${session.userId} · ${name}` : name);
  });
}
