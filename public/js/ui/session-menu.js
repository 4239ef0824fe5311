// The actions of a session, in the list and at the open conversation: copy its link, export it, delete it.
// @ts-check

import { copyText } from './copy-text.js';
import { element } from './dom.js';
import { openMenu } from './menu.js';

const LABELS = {
  menu: (/** @type {string} */ userId) => `Actions for session ${userId}`,
  copyLink: 'Copy link',
  copied: 'Link copied',
  notCopied: 'Could not copy',
  exportMarkdown: 'Export as Markdown',
  exportJson: 'Export as JSON',
  remove: 'Delete',
};

/** Returns the label of the button that opens the menu. */
export const sessionMenuLabel = LABELS.menu;

/** Opens the menu of a session at its button. Nothing is exported unless `checkExport` returns true. */
export function openSessionMenu(
  /** @type {HTMLElement} */ button,
  /** @type {Session} */ session,
  /** @type {SessionMenuDeps} */ { chat, checkExport },
) {
  const { userId } = session;
  const save = async (/** @type {string} */ format) => {
    // The browser saves the file under the name that the service sends. A link alone could not show an error.
    if (await checkExport(userId)) element('a', { href: chat.exportUrl(userId, format), download: true }).click();
  };
  openMenu(button, LABELS.menu(userId), [
    {
      label: LABELS.copyLink,
      act: async () => ((await copyText(linkOf(chat, userId))) ? LABELS.copied : LABELS.notCopied),
      hasResult: true,
    },
    { label: LABELS.exportMarkdown, act: () => save('markdown') },
    { label: LABELS.exportJson, act: () => save('json') },
    { label: LABELS.remove, act: () => chat.removeSession(session), isDanger: true },
  ]);
}

const linkOf = (/** @type {Chat} */ chat, /** @type {string} */ userId) =>
  new URL(chat.hrefOf(userId), document.baseURI).href;
