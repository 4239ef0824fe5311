// Words of the page around the conversation: header, banners, toasts, announcements, and the labels that several parts use.
// @ts-check

import { longSeconds, messages } from './units.js';

export const HEADER = {
  poweredBy: (/** @type {string} */ model) => `Powered by ${model}`,
  sessions: (/** @type {string} */ keys) => `Sessions (${keys})`,
  menu: (/** @type {string} */ userId) => `Actions for session ${userId}`,
  showColumn: 'Show the list of sessions',
  hideColumn: 'Hide the list of sessions',
};

/** @type {Record<Theme, string>} labels of the button that switches between the themes */
export const THEMES = { system: 'Theme: system', light: 'Theme: light', dark: 'Theme: dark' };

/** Names of the shortcut that opens the sessions. */
export const SESSIONS_KEYS = { apple: '⌘K', other: 'Ctrl+K' };

export const BANNERS = {
  offline: 'You are offline. Your messages are kept, and sent when the connection is back.',
  ended: (/** @type {string} */ lifetime) =>
    `This session has ended, and its messages are deleted. What you have not sent is safe.${lifetime && ` ${lifetime}`}`,
  unknown: (/** @type {string} */ userId) =>
    `There is no session of “${userId}”: it has ended, or it never existed. Check the address, or start one.`,
  notLoaded: (/** @type {string} */ problem) => `The conversation could not be loaded. ${problem}`,
  ending: (/** @type {string} */ persona) => `This session with ${persona} ends soon.`,
  full: 'This session is full. Your message is kept below; start a new session to continue.',
  owner: 'Your sessions belong to this browser. Other browsers and devices do not see them.',
  startAgain: (/** @type {string} */ userId) => `Start again as ${userId}`,
  start: (/** @type {string} */ userId) => `Start a session as ${userId}`,
};

export const LABELS = {
  tryNow: 'Try now',
  tryAgain: 'Try again',
  keep: 'Keep this session',
  newSession: 'New session',
  gotIt: 'Got it',
  dismiss: 'Dismiss',
  edit: 'Edit',
  takeBack: 'Take back',
  remove: 'Remove',
  undo: 'Undo',
};

/** Changes of the page, for screen readers. */
export const ANNOUNCEMENTS = {
  replying: 'Assistant is replying.',
  complete: 'The reply is complete.',
  stopped: 'The reply was stopped.',
  opened: (/** @type {string} */ userId, /** @type {string} */ persona, /** @type {number} */ count) =>
    `Session of ${userId} with ${persona} is open, ${messages(count)}.`,
  deleted: (/** @type {string | undefined} */ userId, /** @type {number} */ seconds) =>
    `Session of ${userId} deleted. Undo is available for ${longSeconds(seconds)}.`,
};
