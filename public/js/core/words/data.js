// Words of the dialog for all sessions, and of its tasks.
// @ts-check

import { formatNumber } from '../locale.js';
import { BANNERS } from './page.js';
import { longSeconds, sessions } from './units.js';

export const TITLES = { own: 'Your data', browser: 'Your data in this browser' };

/** Owners of the sessions. */
export const OWNERS = {
  all: 'Everyone who uses this server shares the sessions, and can read and delete them.',
  browser: BANNERS.owner,
  user: 'Other people do not see your sessions.',
};

export const OPTIONS = {
  keep: 'Keep a copy',
  keepHint: 'One JSON file with every conversation.',
  exportAll: 'Export all',
  remove: 'Remove everything',
  removeHint: 'Every session, with its drafts and unsent messages.',
  deleteAll: 'Delete all',
  close: 'Close',
  progress: 'Progress',
};

/** Labels of the actions of a task. */
export const ACTIONS = {
  cancel: 'Cancel',
  saveAgain: 'Save again',
  saveOthers: (/** @type {number} */ count) => `Save the other ${formatNumber(count)}`,
};

const all = (/** @type {number} */ count) => (count === 1 ? 'the only session' : `all ${sessions(count)}`);
const were = (/** @type {number} */ count) => (count === 1 ? 'was' : 'were');
const are = (/** @type {number} */ count) => (count === 1 ? 'is' : 'are');
const capitalize = (/** @type {string} */ words) => words[0].toUpperCase() + words.slice(1);

/** Sentences about a task. */
export const TASKS = {
  listing: 'Reading the list of sessions…',
  notListed: 'The list of sessions could not be read.',
  exporting: (/** @type {number} */ done, /** @type {number} */ total) =>
    `Exporting: ${formatNumber(done)} of ${formatNumber(total)}`,
  exported: (/** @type {number} */ count, /** @type {string | undefined} */ file, /** @type {number} */ ended) =>
    `${sessions(count)} ${were(count)} saved in ${file}.${
      ended > 0 ? ` ${sessions(ended)} ended in the meantime and ${are(ended)} not in it.` : ''
    }`,
  incomplete: (/** @type {number} */ failed, /** @type {number} */ total) =>
    `${formatNumber(failed)} of ${sessions(total)} ${are(failed)} missing.`,
  confirm: (/** @type {number} */ count) => `Delete ${all(count)}?`,
  confirmHint: 'To keep a copy, use Export all first.',
  confirmSharedHint: 'Other people use them too. To keep a copy, use Export all first.',
  pending: (/** @type {number} */ count) => `${capitalize(all(count))} will be deleted in`,
  pendingFor: (/** @type {string} */ text, /** @type {number} */ seconds) => `${text} ${longSeconds(seconds)}.`,
  countdown: (/** @type {string} */ time) => `${time}.`,
  pendingHint: 'If you close this dialog or leave the page before, nothing is deleted.',
  kept: 'Nothing was deleted.',
  deleting: (/** @type {number} */ done, /** @type {number} */ total) =>
    `Deleting: ${formatNumber(done)} of ${formatNumber(total)}`,
  deletingHint: 'If you leave the page now, the rest is not deleted.',
  deleted: (/** @type {number} */ count) => `${sessions(count)} ${were(count)} deleted.`,
  notDeleted: (/** @type {number} */ failed, /** @type {number} */ total) =>
    `${formatNumber(failed)} of ${sessions(total)} could not be deleted.`,
};
