// The locale of numbers, dates and times: the language of the page, with the customs of the user's region.
// @ts-check

const LANGUAGE = 'en';
/** The locale for users of another language: the day comes before the month, as in most regions. */
const OTHER = 'en-GB';

/**
 * Returns a function that creates a value when it is first called, and then returns it. For formats: the first one takes a browser
 * 40 ms, for which the first paint does not wait.
 *
 * @template Value
 * @param {() => Value} create
 */
export function lazy(create) {
  /** @type {Value | undefined} */
  let value;
  return () => (value ??= create());
}

const customs = lazy(() => {
  const { locale, hourCycle } = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions();
  return {
    locale: locale.split('-')[0] === LANGUAGE ? locale : OTHER,
    hourCycle: hourCycle === 'h11' || hourCycle === 'h12' ? /** @type {const} */ ('h12') : /** @type {const} */ ('h23'),
  };
});

export const locale = () => customs().locale;
/** Hours from 1 to 12 or from 0 to 23, as in the user's region. */
export const hourCycle = () => customs().hourCycle;

const numbers = lazy(() => new Intl.NumberFormat(locale()));

/** `1,204` */
export const formatNumber = (/** @type {number} */ value) => numbers().format(value);
