// The first paint, which waits for the theme, and until it is known whether a session is opened. Focuses the message box.
// @ts-check

// Exported here, so that the bundle has one file for both.
export { createThemeButton } from './theme.js';

const touch = matchMedia('(pointer: coarse)').matches;

/** Returns true if a session will be opened, as core/router.js decides later. */
function expectsSession() {
  if (new URLSearchParams(location.search).get('session')) return true;
  try {
    return Object.keys(localStorage).some((key) => key === 'nono:last' || key.startsWith('nono:first:'));
  } catch {
    return false;
  }
}

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
dataset.column = storedColumn() ?? (expectsSession() ? 'open' : 'auto');
if (expectsSession()) dataset.expects = 'session';
// On a touch screen, the focus would open the keyboard. Keys that are typed before the other modules are loaded remain in the box.
if (!touch) document.getElementById('message')?.focus();
