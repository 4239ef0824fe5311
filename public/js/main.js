// Creates the core with the browser's APIs, and the parts of the page with the core.
// @ts-check

import { createApi } from './core/api.js';
import { createChat } from './core/chat.js';
import { earlyRequests } from './core/early-requests.js';
import { createServerClock } from './core/expiry.js';
import { createMirror } from './core/indexeddb-mirror.js';
import { createRouter } from './core/router.js';
import { browserDatabases, browserStorage, createStorage } from './core/storage.js';
import { createTabs } from './core/tabs.js';
import { browserTimers as timers } from './core/timers.js';
import { THEMES } from './core/words/page.js';
import { createAnnouncer } from './ui/announcer.js';
import { createBanners } from './ui/banners.js';
import { createColumnButton } from './ui/column-button.js';
import { createComposer } from './ui/composer.js';
import { createDialogs } from './ui/dialogs.js';
import { find } from './ui/dom.js';
// It is loaded already. Imported here, so that the bundle has one file for it and what both need.
import './ui/first-paint.js';
import { createHeader } from './ui/header.js';
import { createMessageLog } from './ui/message-log.js';
import { loadRenderer } from './ui/prose.js';
import { createShortcuts } from './ui/shortcuts.js';
import { createThemeButton } from './ui/theme.js';
import { createWelcome } from './ui/welcome.js';

const clock = createServerClock(timers);
const storage = createStorage(browserStorage(window), createMirror(browserDatabases(window), timers));
const chat = createChat({
  api: createApi({ fetch: earlyRequests.fetch, onServerTime: clock.observe }),
  clock,
  tabs: createTabs(window.BroadcastChannel, navigator.locks),
  storage,
  router: createRouter({ scope: window, storage }),
  timers,
  newId,
});

chat.listen(window, document);

const composer = createComposer({ chat });
const dialogs = createDialogs({ chat, newId, onDone: composer.focus });

createShortcuts({ chat, dialogs });
createThemeButton(find('theme-button'), THEMES);
createHeader({ chat, dialogs, onFocusLost: composer.focus });
createWelcome({ chat, dialogs, onChoose: composer.focus });
createMessageLog({ chat, edit: composer.edit, onAction: composer.focus });
createAnnouncer(chat);
const { retryNow, recreateSession, reload, extendSession, signIn, dismissOwnerNotice, dismissNotice } = chat;
const actions = {
  retryNow,
  recreateSession,
  reload,
  extendSession,
  signIn,
  dismissOwnerNotice,
  dismissNotice,
  newSession: dialogs.openNew,
};
createBanners({ chat, actions, onFocusLost: composer.focus });

// A conversation is likely to need it, and its messages are awaited anyway.
if (chat.store.state.view === 'loading') loadRenderer();
const column = createColumnButton({ chat, dialogs });
void chat.start().then(() => {
  earlyRequests.clear();
  timers.whenIdle(column.update);
});

/** Returns a random id. `crypto.randomUUID` exists only on https and localhost, and the page may be served over plain http. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
