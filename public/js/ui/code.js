// A code block: its language, a Copy button, and its text, highlighted once the language is loaded.
// @ts-check

import { findLanguage, highlight, loadLanguage } from '../markdown/highlight.js';
import { announce } from './announcer.js';
import { element, renderTree, setText } from './dom.js';

/** Time for which the button shows the result. */
const RESULT_MS = 2_000;

/**
 * @param {string} text
 * @param {string} label the language as the message names it
 * @param {boolean} complete only complete code is highlighted
 */
export function createCode(text, label, complete) {
  const language = findLanguage(label);
  const code = element('code', {}, text);
  const name = label || 'text';
  const copy = element(
    'button',
    { type: 'button', class: 'button quiet small copy', 'aria-label': `Copy ${name} code` },
    'Copy',
  );
  copy.addEventListener('click', () => void copyText(text, code, copy));
  if (complete && language) highlightCode(code, text, language);
  return element(
    'div',
    { class: 'code', dir: 'ltr' },
    element('div', { class: 'code-bar' }, element('span', {}, name), copy),
    element('pre', { role: 'group', 'aria-label': `Code in ${name}`, tabindex: '0' }, code),
  );
}

function highlightCode(/** @type {Element} */ code, /** @type {string} */ text, /** @type {string} */ language) {
  const apply = () => {
    const trees = highlight(text, language);
    if (trees) code.replaceChildren(...trees.map((tree) => renderTree(tree)));
    return trees !== null;
  };
  // If the language cannot be loaded, the code remains plain.
  if (!apply()) loadLanguage(language).then(apply, () => {});
}

/** Copies the code. Without the clipboard API, which needs https or localhost, it uses `execCommand`, or else selects the code. */
async function copyText(/** @type {string} */ text, /** @type {Element} */ code, /** @type {Element} */ button) {
  const isCopied = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  if (!isCopied) getSelection()?.selectAllChildren(code);
  const isDone = isCopied || document.execCommand('copy');
  if (isDone && !isCopied) getSelection()?.removeAllRanges();
  setText(button, isDone ? 'Copied' : 'Selected');
  announce(isDone ? 'Code copied.' : 'Code selected: copy it with the keyboard.');
  setTimeout(() => setText(button, 'Copy'), RESULT_MS);
}
