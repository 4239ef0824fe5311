// The actions of a session, in the list and at the open conversation: copy its link, export it, delete it.
// @ts-check

import { formatAge } from '../core/format-relative.js';
import { personaName } from '../core/personas.js';
import { HEADER } from '../core/words/page.js';
import { MENU, ROW } from '../core/words/sessions.js';
import { copyText } from './clipboard.js';
import { element, fillIn } from './dom.js';
import { openMenu } from './menu.js';

/** Opens the menu of a session at its button. Nothing is exported unless `checkExport` returns true. */
export function openSessionMenu(
  /** @type {HTMLElement} */ button,
  /** @type {Session} */ session,
  /** @type {SessionMenuDeps} */ { chat, checkExport },
) {
  const { userId, persona, messageCount, createdAt, lastActivity } = session;
  const nowMs = chat.clock.now();
  const save = async (/** @type {string} */ format) => {
    // The browser saves the file under the name that the service sends. A link alone could not show an error.
    if (await checkExport(userId)) element('a', { href: chat.exportUrl(userId, format), download: true }).click();
  };
  // On a phone and next to the conversation, the row has no space for these.
  const note = [
    ROW.facts(personaName(chat.store.state.personas, persona), messageCount),
    fillIn(ROW.times, { created: formatAge(createdAt, nowMs), active: formatAge(lastActivity, nowMs) }).join(''),
  ];
  openMenu(button, HEADER.menu(userId), note, [
    {
      label: MENU.copyLink,
      act: async () => ((await copyText(linkOf(chat, userId))) ? MENU.copied : MENU.notCopied),
      hasResult: true,
    },
    { label: MENU.exportMarkdown, act: () => save('markdown') },
    { label: MENU.exportJson, act: () => save('json') },
    { label: MENU.remove, act: () => chat.removeSession(session), isDanger: true },
  ]);
}

const linkOf = (/** @type {Chat} */ chat, /** @type {string} */ userId) =>
  new URL(chat.hrefOf(userId), document.baseURI).href;
