// Wires the page: the browser's own things go into core, core goes into each part of the page.

import { createApi } from './core/api.js';
import { createChat } from './core/chat.js';
import { createJournal } from './core/indexeddb-mirror.js';
import { createRouter } from './core/router.js';
import { browserDatabases, browserStorage, createStorage } from './core/storage.js';
import { createTabs } from './core/tabs.js';
import { browserTimers } from './core/timers.js';
import { createAnnouncer } from './ui/announcer.js';
import { createBanners } from './ui/banners.js';
import { createComposer } from './ui/composer.js';
import { find } from './ui/dom.js';
import { createHeader } from './ui/header.js';
import { createLog } from './ui/message-log.js';
import { createNewSession } from './ui/new-session-dialog.js';
import { createSessions } from './ui/sessions-dialog.js';
import { createTheme } from './ui/theme.js';
import { createToasts } from './ui/toasts.js';
import { createWelcome } from './ui/welcome.js';

const storage = createStorage(browserStorage(window), createJournal(browserDatabases(window), browserTimers));
const chat = createChat({
  makeApi: (onServerTime) => createApi({ fetch: (...call) => window.fetch(...call), onServerTime }),
  makeTabs: (onChanged) => createTabs(window.BroadcastChannel, onChanged),
  storage,
  router: createRouter({ scope: window, storage }),
  timers: browserTimers,
  newId,
});

chat.listen(window);

const composer = createComposer({ chat });
const newSession = createNewSession({ chat, newId, onDone: composer.focus });
const openNew = (persona) => newSession.open(persona);
const sessions = createSessions({ chat, openNew, onSwitch: composer.focus });
const openSessions = () => sessions.open();

createTheme(find('theme-button'));
createHeader({ chat, openNew, openSessions });
createWelcome({ chat, openNew, openSessions });
createLog({ chat, edit: composer.takeBack, onRetry: composer.focus });
createToasts({ chat, onLeave: composer.focus });
createAnnouncer(chat);
const { wake, startAgain, reload, keep, dismissNotice } = chat;
createBanners(chat, { wake, startAgain, reload, keep, dismissNotice, newSession: () => openNew() }, composer.focus);

void chat.start();

/** `crypto.randomUUID` exists on https and localhost only; a page served plainly on a local network needs ids too. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
