// Formats times and durations in the language of the page and in the user's time zone.
// @ts-check

import { hourCycle, lazy, locale } from './locale.js';
import { PERIODS, shortSeconds } from './words/units.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** @param {() => Intl.DateTimeFormatOptions} options */
const dateFormat = (options) => lazy(() => new Intl.DateTimeFormat(locale(), options()));
const timeFormat = dateFormat(() => ({ hour: 'numeric', minute: '2-digit', hourCycle: hourCycle() }));
const dayFormat = dateFormat(() => ({ day: 'numeric', month: 'long', year: 'numeric' }));
const monthFormat = dateFormat(() => ({ month: 'long', year: 'numeric' }));
const fullFormat = dateFormat(() => ({ dateStyle: 'full', timeStyle: 'medium', hourCycle: hourCycle() }));
const relativeFormat = lazy(() => new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }));

/** `9:42` or `9:42 am`. Without the leading zero that English has with 24 hours. */
export const formatTime = (/** @type {string | undefined} */ iso) => format(timeFormat, iso).replace(/^0(?=\d:)/, '');

/** `Sunday, 20 October 2024 at 10:42:00` */
export const formatFull = (/** @type {string | undefined} */ iso) => format(fullFormat, iso);

/** `today`, `yesterday` or the date */
export function formatDay(/** @type {string | undefined} */ iso, /** @type {number} */ nowMs) {
  const days = daysBefore(iso, nowMs);
  if (days === 0 || days === 1) return relativeFormat().format(-days, 'day');
  return format(dayFormat, iso);
}

/** `Today`, `Yesterday`, `Last 7 days`, `Last 30 days` or the month */
export function formatPeriod(/** @type {string} */ iso, /** @type {number} */ nowMs) {
  const days = daysBefore(iso, nowMs);
  if (Number.isNaN(days)) return '';
  if (days <= 1) return capitalize(relativeFormat().format(-Math.max(0, days), 'day'));
  if (days < 7) return PERIODS.week;
  return days < 30 ? PERIODS.month : capitalize(monthFormat().format(new Date(iso)));
}

/** `today, 10:42` */
export const formatDayAndTime = (/** @type {string | undefined} */ iso, /** @type {number} */ nowMs) =>
  [formatDay(iso, nowMs), formatTime(iso)].filter(Boolean).join(', ');

/** `1:05`, rounded up to whole seconds */
export function formatMinutes(/** @type {number} */ ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** `5 s`, rounded up to whole seconds */
export const formatSeconds = (/** @type {number} */ ms) => shortSeconds(Math.max(0, Math.ceil(ms / 1000)));

function format(/** @type {() => Intl.DateTimeFormat} */ formatter, /** @type {string | undefined} */ iso) {
  const date = new Date(iso ?? '');
  return Number.isNaN(date.getTime()) ? '' : formatter().format(date);
}

/** Returns the number of midnights between two times. Rounded, because a day on which the clocks change has 23 or 25 hours. */
const daysBefore = (/** @type {string | undefined} */ iso, /** @type {number} */ nowMs) =>
  Math.round((startOfDay(nowMs) - startOfDay(Date.parse(iso ?? ''))) / DAY_MS);

const capitalize = (/** @type {string} */ words) => words[0].toLocaleUpperCase() + words.slice(1);

const startOfDay = (/** @type {number} */ ms) => new Date(ms).setHours(0, 0, 0, 0);
