// Moments and waits in words. Knows the reader's locale and time zone through Intl, nothing else.

const DAY_MS = 24 * 60 * 60 * 1000;
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const monthFormat = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

/** `10:42` */
export const clockTime = (iso) => format(clockFormat, iso);

/** `Sunday, 20 October 2024 at 10:42:00`, for a tooltip. */
export const fullTime = (iso) => format(fullFormat, iso);

/** `today`, `yesterday` or the date. */
export function dayOf(iso, nowMs) {
  const days = daysBefore(iso, nowMs);
  if (Number.isNaN(days)) return '';
  return days === 0 || days === 1 ? relative.format(-days, 'day') : dayFormat.format(new Date(iso));
}

/** The part of the past in which it lies: `Today`, `Yesterday`, `Last 7 days`, `Last 30 days` or the month. */
export function periodOf(iso, nowMs) {
  const days = daysBefore(iso, nowMs);
  if (Number.isNaN(days)) return '';
  if (days <= 1) return capital(relative.format(-Math.max(0, days), 'day'));
  if (days < 7) return 'Last 7 days';
  return days < 30 ? 'Last 30 days' : capital(monthFormat.format(new Date(iso)));
}

/** `today, 10:42` */
export const moment = (iso, nowMs) => [dayOf(iso, nowMs), clockTime(iso)].filter(Boolean).join(', ');

/** `1:05` of whole seconds begun. */
export function minutes(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** `5 s` of whole seconds begun. */
export const seconds = (ms) => `${Math.max(0, Math.ceil(ms / 1000))} s`;

function format(formatter, iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? '' : formatter.format(date);
}

/** Rounded, because a day in which the clocks change has 23 or 25 hours. */
const daysBefore = (iso, nowMs) => Math.round((startOfDay(nowMs) - startOfDay(Date.parse(iso))) / DAY_MS);

const capital = (words) => words[0].toLocaleUpperCase() + words.slice(1);

function startOfDay(ms) {
  return new Date(ms).setHours(0, 0, 0, 0);
}
