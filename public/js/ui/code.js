// A code block: its language, a Copy button, and its text, highlighted once the language is loaded.
// @ts-check

import { COPY } from '../core/words/conversation.js';
import { CODE } from '../core/words/markdown.js';
import { findLanguage, highlight, loadLanguage } from '../markdown/highlight.js';
import { copyShownText } from './clipboard.js';
import { element, growText, setText } from './dom.js';
import { keepSelection } from './grow.js';

/** @type {WeakMap<Element, {code: HTMLElement, name: HTMLElement, pre: HTMLElement, copy: HTMLElement, highlighted: string}>} */
const partsOf = new WeakMap();

/** Creates an empty code block. */
export function createCode() {
  const code = element('code');
  const name = element('span');
  const copy = element('button', { type: 'button', class: 'button quiet small copy' }, COPY.label);
  copy.addEventListener(
    'click',
    () => void copyShownText(code.textContent ?? '', { source: code, button: copy, name: COPY.code }),
  );
  const pre = element('pre', { role: 'group', tabindex: '0' }, code);
  const node = element('div', { class: 'code', dir: 'ltr' }, element('div', { class: 'code-bar' }, name, copy), pre);
  partsOf.set(node, { code, name, pre, copy, highlighted: '' });
  return node;
}

/**
 * Shows `text`. Changes it from the first difference on, so that it can be selected, scrolled and copied while it grows.
 *
 * @param {Element} node
 * @param {string} text
 * @param {string} label the language as the message names it
 * @param {boolean} complete only complete code is highlighted
 */
export function updateCode(node, text, label, complete) {
  const parts = partsOf.get(node);
  if (!parts) return;
  const { code, name, pre, copy } = parts;
  const shown = label || CODE.plain;
  setText(name, shown);
  copy.setAttribute('aria-label', CODE.copy(shown));
  pre.setAttribute('aria-label', CODE.label(shown));
  if (code.textContent !== text) {
    parts.highlighted = '';
    const { firstChild } = code;
    if (firstChild instanceof Text && !firstChild.nextSibling) growText(firstChild, text);
    else code.textContent = text;
  }
  const language = complete ? findLanguage(label) : null;
  if (!language || parts.highlighted === language) return;
  parts.highlighted = language;
  highlightCode(code, text, language);
}

function highlightCode(/** @type {Element} */ code, /** @type {string} */ text, /** @type {string} */ language) {
  const apply = () => {
    const trees = code.textContent === text ? highlight(text, language) : null;
    if (trees) keepSelection(code, () => code.replaceChildren(...trees.map(renderTree)));
    return trees !== null;
  };
  // If the language cannot be loaded, the code remains plain.
  if (!apply()) loadLanguage(language).then(apply, () => {});
}

/** @returns {Node | string} */
function renderTree(/** @type {Tree} */ tree) {
  return typeof tree === 'string' ? tree : element('span', tree.attributes, ...tree.children.map(renderTree));
}
