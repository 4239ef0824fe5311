// The header: the title, the model, the open session and the buttons. Sets the document's title too.
// @ts-check

import { personaName } from '../core/personas.js';
import { find, setText } from './dom.js';

/** @param {{chat: Chat, dialogs: Dialogs}} deps */
export function createHeader({ chat, dialogs }) {
  find('new-button').addEventListener('click', () => void dialogs.openNew());
  find('sessions-button').addEventListener('click', () => void dialogs.openSessions());

  chat.store.watch(['config', 'session', 'personas'], ({ config, session, personas }) => {
    const title = config?.title || 'Nono Chat Bot';
    setText(find('title'), title);
    setText(find('powered-by'), config?.poweredBy ? `Powered by ${config.poweredBy}` : 'Powered by Nono');
    find('current-user').hidden = !session;
    setText(find('user-id'), session?.userId ?? '');
    find('user-id').title = session?.userId ?? '';
    setText(find('persona'), session?.persona ? personaName(personas, session.persona) : '');
    document.title = session ? `${session.userId} · ${title}` : title;
  });
}
