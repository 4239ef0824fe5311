// Where messages are written: Enter, drafts, growing with the text, faults beside the field.

import { limitsOf, messageFault } from '../core/validation.js';
import { cautionOf } from '../core/personas.js';
import { find, setText } from './dom.js';

const HINT = 'Enter sends, Shift+Enter starts a new line.';
const BUSY_HINT = 'You can write on, and send when the reply is complete.';

export function createComposer({ chat }) {
  const form = find('composer');
  const field = find('message');
  const send = find('send');
  const stop = find('stop');
  /** With a finger on glass, Enter breaks the line and focus would raise the keyboard unasked. */
  const touch = matchMedia('(pointer: coarse)');
  const grows = CSS.supports('field-sizing', 'content');
  let userId = null;
  const isReplying = () => chat.store.state.reply?.state === 'streaming';

  function write(text) {
    field.value = text;
    grow();
    showFault(null);
  }

  function grow() {
    if (grows) return;
    field.style.height = 'auto';
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }

  function showFault(fault) {
    setText(find('message-error'), fault ?? '');
    if (fault) field.setAttribute('aria-invalid', 'true');
    else field.removeAttribute('aria-invalid');
  }

  function submit() {
    const text = field.value.trimEnd();
    if (chat.store.state.view !== 'open' || text.trim() === '' || isReplying()) return;
    const fault = messageFault(text, limitsOf(chat.store.state.config));
    if (fault) return showFault(fault);
    void chat.send(text);
    write('');
    focus();
  }

  /** Where the person goes on: the box, or the way to a session while there is none. */
  function focus() {
    if (form.hidden) find('sessions-button').focus();
    else if (!touch.matches) field.focus();
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  stop.addEventListener('click', () => chat.stop());
  field.addEventListener('input', () => {
    grow();
    showFault(messageFault(field.value, limitsOf(chat.store.state.config)));
    if (userId) chat.drafts.note(userId, field.value);
  });
  field.addEventListener('keydown', (event) => {
    // Safari reports the Enter that ends a composition with isComposing false; its keyCode 229 tells.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key !== 'Enter' || event.shiftKey || event.altKey || event.metaKey || touch.matches) return;
    event.preventDefault();
    submit();
  });

  chat.store.watch(['session', 'view'], ({ session, view }) => {
    form.hidden = view === 'welcome';
    find('skip').hidden = form.hidden;
    send.disabled = view !== 'open';
    const caution = session ? cautionOf(session.persona) : null;
    find('caution').hidden = !caution;
    setText(find('caution'), caution ?? '');
    if (session?.user_id === userId) return;
    userId = session?.user_id ?? null;
    write(userId ? chat.drafts.read(userId) : '');
  });

  // While a reply is written, Stop stands where Send was.
  chat.store.watch(['reply'], () => {
    const replying = isReplying();
    if (stop.hidden === !replying) return;
    const focused = [send, stop].includes(document.activeElement);
    stop.hidden = !replying;
    send.hidden = replying;
    setText(find('message-hint'), replying ? BUSY_HINT : HINT);
    if (focused) focus();
  });

  // A message that the server does not accept as it is comes back to where it can be changed, if nothing new stands there.
  chat.store.watch(['pending'], ({ pending }) => {
    const refused = pending.find((entry) => entry.problem?.kind === 'invalid');
    if (refused && field.value === '') takeBack(refused.request_id, refused.problem.explanation);
  });

  function takeBack(requestId, fault = null) {
    const text = chat.discard(requestId);
    write(field.value ? `${field.value.trimEnd()}\n\n${text}` : text);
    // At once: the text has left the outbox, and must not be nowhere for a moment.
    if (userId) chat.drafts.note(userId, field.value);
    chat.drafts.flush();
    showFault(fault);
    field.focus();
  }

  return { focus, takeBack };
}
