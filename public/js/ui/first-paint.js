// The first paint, which waits for the theme, and until it is known whether a session is opened. Requests a session in the address
// before the other modules are loaded, and focuses the message box.
// @ts-check

import { earlyRequests } from '../core/early-requests.js';
import './theme.js';

const touch = matchMedia('(pointer: coarse)').matches;

const inAddress = new URLSearchParams(location.search).get('session');

/** Returns true if a record has a key that begins with `prefix`. */
function isStored(/** @type {string} */ prefix) {
  try {
    return Object.keys(localStorage).some((key) => key.startsWith(prefix));
  } catch {
    return false;
  }
}

const hasFirstMessage = isStored('nono:first:');
/** True if a session will be opened, as core/router.js decides later. */
const expectsSession = inAddress || hasFirstMessage || isStored('nono:last');

/** Returns the stored state of the list next to the conversation, which ui/column-button.js has stored, or null. */
function storedColumn() {
  try {
    return localStorage.getItem('nono-column');
  } catch {
    return null;
  }
}

const { dataset } = document.documentElement;
// A first visit begins without the list, which is shown with the first conversation.
dataset.column = storedColumn() ?? (expectsSession ? 'open' : 'auto');
if (expectsSession) dataset.expects = 'session';
// A first message may be about to create the session.
if (inAddress && !hasFirstMessage) earlyRequests.requestSession(inAddress);
// The first format makes the browser load its locales, which takes a slow phone 150 ms. The messages would wait for it later.
if (expectsSession) globalThis.requestIdleCallback?.(() => new Intl.DateTimeFormat());
// On a touch screen, the focus would open the keyboard. Keys that are typed before the other modules are loaded remain in the box.
if (!touch) document.getElementById('message')?.focus();
