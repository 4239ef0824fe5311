// The locale of numbers, dates and times: the language of the page, with the customs of the user's region.
// @ts-check

const LANGUAGE = 'en';
/** The locale for users of another language: the day comes before the month, as in most regions. */
const OTHER = 'en-GB';

const { locale, hourCycle } = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions();

export const LOCALE = locale.split('-')[0] === LANGUAGE ? locale : OTHER;
/** Hours from 1 to 12 or from 0 to 23, as in the user's region. */
export const HOURS = hourCycle === 'h11' || hourCycle === 'h12' ? 'h12' : 'h23';

const numbers = new Intl.NumberFormat(LOCALE);

/** `1,204` */
export const formatNumber = (/** @type {number} */ value) => numbers.format(value);
