// Words about errors, in terms of what to do. Texts of the API are for programmers and are not shown.
// @ts-check

import { characters } from './units.js';

/** @type {Record<string, string>} what an error means and what to do, by its reason */
export const REASONS = {
  INVALID_ARGUMENT: 'The service did not accept this. Change it and try again.',
  SESSION_NOT_FOUND: 'This session has ended.',
  SESSION_EXISTS: 'This name is in use. Open that session, or choose another name.',
  TURN_IN_PROGRESS: 'Another reply is being written in this session. Wait until it is complete.',
  TURN_CANCELLED: 'The reply was stopped before it began.',
  SESSION_FULL: 'This session is full. Start a new one to continue.',
  TOO_MANY_SESSIONS: 'You have as many sessions as this server permits. Delete one, or wait until one ends.',
  STORE_UNAVAILABLE: 'The service is unavailable. Try again in a minute.',
  OVERLOADED: 'The service is busy. Try again in a minute.',
  MODEL_UNAVAILABLE: 'The model cannot be reached. Try again in a minute.',
  SERVICE_UNAVAILABLE: 'The service is unavailable. Try again in a minute.',
  DEADLINE_EXCEEDED: 'The service took too long. Try again in a minute.',
  PERMISSION_DENIED: 'This server does not permit this. Reload the page and try again.',
  UNIMPLEMENTED: 'This server cannot do this. Reload the page, in case it is outdated.',
  INTERNAL: 'Something went wrong in the service. Try again; if that does not help, report it.',
  UNAUTHENTICATED: 'This browser has no valid cookie for this server.',
  RATE_LIMITED: 'You are sending faster than this server permits. Wait for a minute.',
};

/** @type {Record<ErrorKind, string>} the same for errors without a known reason, such as those of a proxy */
export const KINDS = {
  unreachable: 'The service cannot be reached.',
  unauthenticated: REASONS.UNAUTHENTICATED,
  busy: REASONS.SERVICE_UNAVAILABLE,
  invalid: REASONS.INVALID_ARGUMENT,
  gone: REASONS.SESSION_NOT_FOUND,
  exists: REASONS.SESSION_EXISTS,
  full: 'There is no room for more. Delete a session, or start a new one.',
  forbidden: REASONS.PERMISSION_DENIED,
  failed: REASONS.INTERNAL,
};

export const SIGNED_OUT = 'You are signed out.';
export const TOO_LARGE = 'This is too long. Shorten it, or send it in parts.';
export const reference = (/** @type {string} */ requestId) => ` (reference ${requestId})`;

const BAD_MESSAGE = 'The service does not accept this message. Change it and send it again.';
/** The same for a field that the service has rejected, by its last name. */
export const FIELDS = new Map([
  ['user_id', 'The service does not accept this name. Choose another one.'],
  ['persona', 'The service does not have this persona any more. Choose another one.'],
  ['message', BAD_MESSAGE],
  ['content', BAD_MESSAGE],
]);

/** Sentences about a wait, by its reason. */
export const WAITS = {
  offline: 'You are offline.',
  unreachable: KINDS.unreachable,
  model: 'The model cannot be reached.',
  busy: 'The service is busy.',
  unavailable: 'The service is unavailable.',
  countdown: (/** @type {string} */ time) => `Trying again in ${time}`,
};

/** The state of a browser without access, and the action that ends it. */
export const NO_ACCESS = {
  noCookie: {
    text: 'This browser has no valid cookie for this server. Reload the page to continue; what you wrote is kept.',
    label: 'Reload',
  },
  signedOut: { text: `${SIGNED_OUT} What you wrote is kept.`, label: 'Sign in' },
};

/** Sentences about an action that has failed. Each is followed by the reason. */
export const NOTICES = {
  notDeleted: (/** @type {string} */ userId) => `The session of ${userId} could not be deleted.`,
  notSent: 'Your first message could not be sent.',
  notStarted: 'The session could not be started again.',
  notKept: 'The session could not be kept.',
  notExported: 'The session could not be exported.',
  notStopped: 'The reply could not be stopped.',
  noOlder: 'Earlier messages could not be loaded.',
};

/** An error of the page's own files, without a reason. */
export const NOT_LOADED = 'This part of the page could not be loaded. Try again.';

export const VALIDATION = {
  dots: 'A name needs more than dots.',
  controlCharacters: 'A name cannot contain control characters.',
  longName: (/** @type {number} */ excess) => `This name is ${characters(excess)} too long.`,
  longMessage: (/** @type {number} */ excess) =>
    `This message is ${characters(excess)} too long. Shorten it, or send it in parts.`,
  files: 'Files and images cannot be sent, only text.',
};
