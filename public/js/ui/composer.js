// The message box: Enter, drafts, growth with the text, and validation errors.
// @ts-check

import { disclaimerFor } from '../core/personas.js';
import { resolveLimits, validateMessage } from '../core/validation.js';
import { find, findButton, findInput, setFieldError, setText } from './dom.js';

const HINT = 'Enter sends, Shift+Enter starts a new line.';
const REPLYING_HINT = 'A message that you send now waits until this reply is complete.';

/** @param {{chat: Chat}} deps */
export function createComposer({ chat }) {
  const form = find('composer');
  const field = findInput('message');
  const send = findButton('send');
  const stop = findButton('stop');
  /** On a touch screen, Enter starts a new line, and the field is not focused because that would open the keyboard. */
  const touch = matchMedia('(pointer: coarse)');
  const growsByItself = CSS.supports('field-sizing', 'content');
  /** @type {string | null} */
  let userId = null;

  const isReplying = () => chat.store.state.turn?.state === 'streaming';
  const validate = (/** @type {string} */ text) => validateMessage(text, resolveLimits(chat.store.state.config));
  const showError = (/** @type {string | null} */ error) => setFieldError(field, 'message-error', error);

  function setValue(/** @type {string} */ text) {
    field.value = text;
    grow();
    updateButtons();
    showError(null);
  }

  function grow() {
    if (growsByItself) return;
    field.style.height = 'auto';
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }

  function submit() {
    const text = field.value.trimEnd();
    if (chat.store.state.view !== 'open' || text.trim() === '') return;
    const error = validate(text);
    if (error) return showError(error);
    void chat.send(text);
    setValue('');
    focus();
  }

  /** Focuses the message box, or the Sessions button if no session is open. */
  function focus() {
    if (form.hidden) find('sessions-button').focus();
    else if (!touch.matches) field.focus();
  }

  /** Removes an unsent message from the outbox and puts its text into the message box. */
  function edit(/** @type {string} */ requestId, /** @type {string | null} */ error = null) {
    const text = chat.discard(requestId);
    setValue(field.value ? `${field.value.trimEnd()}\n\n${text}` : text);
    // Saved without delay, because the outbox does not have the text any more.
    if (userId) chat.drafts.update(userId, field.value);
    chat.drafts.flush();
    showError(error);
    field.focus();
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  stop.addEventListener('click', () => void chat.stop());
  field.addEventListener('input', () => {
    grow();
    updateButtons();
    showError(validate(field.value));
    if (userId) chat.drafts.update(userId, field.value);
  });
  field.addEventListener('keydown', (event) => {
    // In Safari, the Enter that ends a composition has keyCode 229 and `isComposing` false.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key !== 'Enter' || event.shiftKey || event.altKey || event.metaKey || touch.matches) return;
    event.preventDefault();
    submit();
  });

  chat.store.watch(['session', 'view'], ({ session, view }) => {
    form.hidden = view === 'welcome';
    find('skip').hidden = form.hidden;
    send.disabled = view !== 'open';
    const disclaimer = session ? disclaimerFor(session.persona) : null;
    find('disclaimer').hidden = !disclaimer;
    setText(find('disclaimer'), disclaimer ?? '');
    if (session?.userId === userId) return;
    userId = session?.userId ?? null;
    setValue(userId ? chat.drafts.read(userId) : '');
  });

  // While a reply streams, the Stop button replaces the Send button, which returns for a message that is to be queued.
  function updateButtons() {
    const replying = isReplying();
    const canSend = !replying || field.value.trim() !== '';
    if (stop.hidden === !replying && send.hidden === !canSend) return;
    const hadFocus = document.activeElement === send || document.activeElement === stop;
    stop.hidden = !replying;
    send.hidden = !canSend;
    setText(find('message-hint'), replying ? REPLYING_HINT : HINT);
    if (hadFocus) focus();
  }
  chat.store.watch(['turn'], updateButtons);

  // A message that the server rejects as invalid returns to the message box, unless another text is in it.
  chat.store.watch(['unsent'], ({ unsent }) => {
    const rejected = unsent.find((entry) => entry.problem?.kind === 'invalid');
    if (rejected?.problem && field.value === '') edit(rejected.requestId, rejected.problem.explanation);
  });

  return { focus, edit };
}
