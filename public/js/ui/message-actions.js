// The actions of a message, which appear while it is pointed at, focused or pressed for a while. Loaded with the first message.
// @ts-check

import { COPY } from '../core/words/conversation.js';
import { element } from './dom.js';

/** Time from which a touch is a long press, and the distance in pixels up to which the finger rests. */
const LONG_PRESS_MS = 500;
const REST_PX = 10;
/** Reasoning at the beginning of a reply, which is not copied with it. */
const REASONING = /^\s*<(think|thinking|reasoning)>[\s\S]*?<\/\1>\s*/;

/** Fills `actions`, those of the message in `body`. `getText` returns the message as it was written. */
export function fillActions(
  /** @type {HTMLElement} */ actions,
  /** @type {HTMLElement} */ body,
  /** @type {() => string} */ getText,
) {
  const copy = element('button', { type: 'button', class: 'button quiet muted tiny' }, COPY.label);
  copy.addEventListener('click', async () => {
    const { copyShownText } = await import('./clipboard.js');
    await copyShownText(getText().replace(REASONING, ''), { source: body, button: copy, name: COPY.message });
  });
  actions.append(copy);
}

/** Shows the actions of the message on which a finger rests, until another one is touched. */
function showActionsOnLongPress() {
  let timer = 0;
  /** @type {PointerEvent | null} */
  let start = null;

  const end = () => {
    clearTimeout(timer);
    start = null;
  };
  document.addEventListener('pointerdown', (event) => {
    const target = /** @type {Element} */ (event.target);
    const row = target.closest('.message');
    for (const pressed of document.querySelectorAll('.pressed'))
      if (pressed !== row) pressed.classList.remove('pressed');
    end();
    if (event.pointerType === 'mouse' || !row || target.closest('button, a, summary')) return;
    start = event;
    timer = setTimeout(() => row.classList.add('pressed'), LONG_PRESS_MS);
  });
  document.addEventListener('pointermove', (event) => {
    if (start && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > REST_PX) end();
  });
  for (const type of ['pointerup', 'pointercancel']) document.addEventListener(type, end);
}

showActionsOnLongPress();
