// The initial state of the page. Its shape and the names of its states are in types.d.ts.
// @ts-check

import { BUILT_IN_PERSONAS } from './personas.js';

/** @type {State} */
export const INITIAL_STATE = {
  config: null,
  personas: BUILT_IN_PERSONAS,
  ready: false,
  view: 'welcome',
  chosenPersona: '',
  isUnknownAddress: false,
  session: null,
  messages: [],
  hasOlder: false,
  loadingOlder: false,
  unsent: [],
  turn: null,
  live: 'off',
  problem: null,
  wait: null,
  signedOut: null,
  ownerNotice: false,
  online: true,
  remainingMs: null,
  list: {
    status: 'idle',
    items: [],
    count: 0,
    nextToken: null,
    problem: null,
    wait: null,
    shown: false,
    docked: false,
    query: '',
    limit: 100,
  },
  deletions: [],
  notice: null,
};

/**
 * Returns the state in which a page starts. The first screen does not flash if a session is expected to be opened.
 *
 * @returns {State}
 */
export const initialState = (/** @type {unknown} */ expected) => ({
  ...INITIAL_STATE,
  view: expected ? 'loading' : 'welcome',
});

/**
 * Returns a session of which only the name is known.
 *
 * @returns {Session}
 */
export const unknownSession = (/** @type {string} */ userId) => ({
  userId,
  sessionId: '',
  persona: '',
  messageCount: 0,
  createdAt: '',
  lastActivity: '',
  expiresAt: '',
  preview: '',
});
