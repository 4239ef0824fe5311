// Words for numbers of things, durations and days.
// @ts-check

import { formatNumber } from '../locale.js';

const count = (/** @type {number} */ value, /** @type {string} */ unit) =>
  `${formatNumber(value)} ${unit}${value === 1 ? '' : 's'}`;

export const characters = (/** @type {number} */ value) => count(value, 'character');
export const messages = (/** @type {number} */ value) => count(value, 'message');
export const sessions = (/** @type {number} */ value) => count(value, 'session');
export const days = (/** @type {number} */ value) => count(value, 'day');

/** `5 s` */
export const shortSeconds = (/** @type {number} */ value) => `${value} s`;
/** `10 seconds`, to be read out */
export const longSeconds = (/** @type {number} */ value) => count(value, 'second');

/** Groups of the list of sessions. Others have the name of a day or of a month. */
export const PERIODS = { week: 'Last 7 days', month: 'Last 30 days' };

const UNITS = /** @type {const} */ ([
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
]);

/** Returns the lifetime of a conversation as a sentence, or nothing if it is unknown. */
export function describeLifetime(/** @type {number | undefined} */ seconds) {
  const unit = UNITS.find(([length]) => Number(seconds) >= length && Number(seconds) % length === 0);
  return unit ? `Conversations are kept for ${count(Number(seconds) / unit[0], unit[1])} after the last message.` : '';
}
