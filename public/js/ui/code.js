// A block of code: its language, a Copy button, and its text in colours once the language is loaded.

import { highlight, languageOf, loadLanguage } from '../markdown/highlight.js';
import { say } from './announcer.js';
import { build, element, setText } from './dom.js';

/** How long the button says what became of it. */
const SAID_MS = 2_000;

/** @param {boolean} settled no more of it will come: only then is it worth colouring */
export function createCode(text, said, settled) {
  const language = languageOf(said);
  const code = element('code', {}, text);
  const name = said || 'text';
  const copy = element('button', { type: 'button', class: 'button quiet small copy', 'aria-label': `Copy ${name} code` }, 'Copy');
  copy.addEventListener('click', () => void copyText(text, code, copy));
  if (settled && language) colour(code, text, language);
  return element(
    'div',
    { class: 'code', dir: 'ltr' },
    element('div', { class: 'code-bar' }, element('span', {}, name), copy),
    element('pre', { role: 'group', 'aria-label': `Code in ${name}`, tabindex: '0' }, code),
  );
}

function colour(code, text, language) {
  const paint = () => {
    const pieces = highlight(text, language);
    if (pieces) code.replaceChildren(...pieces.map((piece) => build(piece)));
    return pieces !== null;
  };
  // Without colours the code is still code.
  if (!paint()) loadLanguage(language).then(paint, () => {});
}

/** The clipboard is there on https and localhost only; elsewhere the old command does, and else the text is at least selected. */
async function copyText(text, code, button) {
  const copied = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  if (!copied) getSelection().selectAllChildren(code);
  const done = copied || document.execCommand('copy');
  if (done && !copied) getSelection().removeAllRanges();
  setText(button, done ? 'Copied' : 'Selected');
  say(done ? 'Code copied.' : 'Code selected: copy it with the keyboard.');
  setTimeout(() => setText(button, 'Copy'), SAID_MS);
}
