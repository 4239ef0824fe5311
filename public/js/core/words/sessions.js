// Words of the list of sessions, the menu of a session and the New Session dialog, which are loaded some time after the page.
// @ts-check

import { formatNumber } from '../locale.js';
import { days, messages, sessions } from './units.js';

export const LIST = {
  search: 'Search sessions',
  searchAll: 'Search by name, persona or text',
  loading: 'Loading sessions…',
  empty: 'There are no sessions yet. Start one, and it is listed here until it ends.',
  noMatch: (/** @type {string} */ query) => `No session matches “${query}”.`,
  more: 'Show more',
};

/** Numbers of sessions in the list, of those that match a search, and of those that were searched. */
export const COUNTS = {
  all: sessions,
  matching: (/** @type {number} */ matching, /** @type {number} */ all) =>
    `${formatNumber(matching)} of ${sessions(all)}`,
  searching: (/** @type {number} */ searched, /** @type {number} */ all) =>
    `Searching, ${formatNumber(searched)} of ${sessions(all)} so far`,
};

export const ROW = {
  current: 'Current',
  noMessages: 'No messages yet',
  facts: (/** @type {string} */ persona, /** @type {number} */ count) => `${persona} · ${messages(count)}`,
  times: 'created {created} · active {active}',
  deleted: '{name} was deleted.',
  menu: 'Copy link, export, delete',
};

/** Times relative to now. */
export const AGES = {
  now: 'just now',
  minutes: (/** @type {number} */ count) => `${count} min ago`,
  hours: (/** @type {number} */ count) => `${count} h ago`,
  days: (/** @type {number} */ count) => `${days(count)} ago`,
};
export const REMAINING = {
  none: 'has ended',
  minutes: (/** @type {number} */ count) => `ends in ${count} min`,
  hours: (/** @type {number} */ count) => `ends in ${count} h`,
  days: (/** @type {number} */ count) => `ends in ${days(count)}`,
};

/** A toast about a session that was deleted. */
export const DELETED = 'Session of {name} was deleted.';

export const MENU = {
  copyLink: 'Copy link',
  copied: 'Link copied',
  notCopied: 'Could not copy',
  exportMarkdown: 'Export as Markdown',
  exportJson: 'Export as JSON',
  remove: 'Delete',
};

export const nameInUse = (/** @type {string | undefined} */ name) => `“${name}” is in use.`;
