// The header: what this is, who powers it, whose session is open; and the page's title.

import { nameOf } from '../core/personas.js';
import { find, setText } from './dom.js';

export function createHeader({ chat, openNew, openSessions }) {
  find('new-button').addEventListener('click', () => openNew());
  find('sessions-button').addEventListener('click', () => openSessions());

  chat.store.watch(['config', 'session', 'personas'], ({ config, session, personas }) => {
    const title = config?.title || 'Nono Chat Bot';
    setText(find('title'), title);
    setText(find('powered-by'), config?.powered_by ? `Powered by ${config.powered_by}` : 'Powered by Nono');
    find('who').hidden = !session;
    setText(find('user-id'), session?.user_id ?? '');
    find('user-id').title = session?.user_id ?? '';
    setText(find('persona'), session?.persona ? nameOf(personas, session.persona) : '');
    document.title = session ? `${session.user_id} · ${title}` : title;
  });
}
