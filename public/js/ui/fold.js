// Unfolds long messages of the user. Whether one is long depends on its width, so it is measured. Loaded with the first message.
// @ts-check

import { FOLD } from '../core/words/conversation.js';
import { element, setText } from './dom.js';

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) measure(/** @type {HTMLElement} */ (target));
});
/** @type {WeakMap<Element, HTMLButtonElement>} bodies to their buttons */
const buttons = new WeakMap();

/** Adds the button that unfolds `body`, which has been folded because its text may be long. */
export function addFoldButton(/** @type {HTMLElement} */ body) {
  const button = element('button', { type: 'button', class: 'button quiet small fold', hidden: true });
  button.addEventListener('click', () => {
    setFolded(body, button, !body.classList.contains('folded'));
    body.parentElement?.scrollIntoView({ block: 'nearest' });
  });
  buttons.set(body, button);
  body.after(button);
  setFolded(body, button, true);
  sizes.observe(body);
}

function setFolded(
  /** @type {HTMLElement} */ body,
  /** @type {HTMLElement} */ button,
  /** @type {boolean} */ isFolded,
) {
  body.classList.toggle('folded', isFolded);
  button.setAttribute('aria-expanded', String(!isFolded));
  setText(button, isFolded ? FOLD.more : FOLD.less);
}

/** Shows the button if a part of the message is hidden. */
function measure(/** @type {HTMLElement} */ body) {
  const button = buttons.get(body);
  if (!button || !body.classList.contains('folded')) return;
  const isCut = body.scrollHeight > body.clientHeight + 1;
  button.hidden = !isCut;
  body.classList.toggle('cut', isCut);
}
