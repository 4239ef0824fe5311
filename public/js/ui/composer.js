// The message box: Enter, drafts, growth with the text, and validation errors.
// @ts-check

import { NO_SESSION } from '../core/drafts.js';
import { buildRows } from '../core/message-rows.js';
import { disclaimerFor } from '../core/personas.js';
import { resolveLimits, validateMessage } from '../core/validation.js';
import { REPLYING_HINT } from '../core/words/conversation.js';
import { find, findButton, findInput, setFieldError, setText } from './dom.js';
import { createFileGuard } from './file-guard.js';

/** @param {{chat: Chat}} deps */
export function createComposer({ chat }) {
  const form = find('composer');
  const field = findInput('message');
  const send = findButton('send');
  const stop = findButton('stop');
  const hint = find('message-hint');
  const idleHint = hint.textContent;
  /** On a touch screen, Enter starts a new line, and the field is not focused because that would open the keyboard. */
  const touch = matchMedia('(pointer: coarse)');
  const growsByItself = CSS.supports('field-sizing', 'content');
  /**
   * The user id whose draft the box shows, `NO_SESSION` on the first screen, or null until the stored drafts can be read.
   *
   * @type {string | null}
   */
  let draftId = null;

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
    if (send.disabled || text.trim() === '') return;
    const error = validate(text);
    if (error) return showError(error);
    void chat.send(text);
    setValue('');
    focus();
  }

  function focus() {
    if (!touch.matches) field.focus();
  }

  /** Removes an unsent message from the outbox and puts its text into the message box. */
  function edit(/** @type {string} */ requestId, /** @type {string | null} */ error = null) {
    const text = chat.discard(requestId);
    setValue(field.value ? `${field.value.trimEnd()}\n\n${text}` : text);
    // Saved without delay, because the outbox does not have the text any more.
    if (draftId !== null) chat.drafts.update(draftId, field.value);
    chat.drafts.flush();
    showError(error);
    field.focus();
  }

  /** Puts the last message of the user back into the box, if it is not sent yet. */
  function takeBack(/** @type {KeyboardEvent} */ event) {
    const last = buildRows(chat.store.state, Date.now()).findLast(({ role }) => role === 'user');
    if (!last?.requestId || (last.state !== 'queued' && last.state !== 'failed')) return;
    event.preventDefault();
    edit(last.requestId);
  }

  function adaptToTouch() {
    field.enterKeyHint = touch.matches ? 'enter' : 'send';
    // The hint about Enter is hidden on touch screens, and must not be read there.
    const described = touch.matches ? 'message-error disclaimer' : 'message-error disclaimer message-hint';
    field.setAttribute('aria-describedby', described);
  }
  adaptToTouch();
  touch.addEventListener('change', adaptToTouch);
  createFileGuard(field, (reason) => {
    showError(reason);
    focus();
  });

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  stop.addEventListener('click', () => void chat.stop());
  field.addEventListener('input', () => {
    grow();
    updateButtons();
    showError(validate(field.value));
    if (draftId !== null) chat.drafts.update(draftId, field.value);
  });
  field.addEventListener('keydown', (event) => {
    // In Safari, the Enter that ends a composition has keyCode 229 and `isComposing` false.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === 'ArrowUp' && field.value === '') takeBack(event);
    if (event.key !== 'Enter' || event.shiftKey || event.altKey || event.metaKey || touch.matches) return;
    event.preventDefault();
    submit();
  });

  chat.store.watch(['session', 'view', 'ready', 'chosenPersona'], ({ session, view, ready, chosenPersona }) => {
    send.disabled = !ready || (view !== 'open' && view !== 'welcome');
    const disclaimer = disclaimerFor(session ? session.persona : view === 'welcome' ? chosenPersona : '');
    find('disclaimer').hidden = !disclaimer;
    setText(find('disclaimer'), disclaimer ?? '');
    const isFirst = view === 'welcome' || view === 'starting';
    if (ready) showDraft(isFirst ? NO_SESSION : (session?.userId ?? null));
  });

  /** Shows the draft of a session. Text that was typed before it could be read is added to it. */
  function showDraft(/** @type {string | null} */ id) {
    if (id === null || id === draftId) return;
    const typed = draftId === null ? field.value : '';
    draftId = id;
    const draft = chat.drafts.read(id);
    const text = draft === typed ? draft : [draft, typed].filter(Boolean).join(' ');
    // The same text keeps its selection, and an input method its composition.
    if (text === field.value) updateButtons();
    else setValue(text);
    if (typed !== '') chat.drafts.update(id, text);
  }

  // While a reply streams, the Stop button replaces the Send button, which returns for a message that is to be queued.
  function updateButtons() {
    const replying = isReplying();
    const canSend = !replying || field.value.trim() !== '';
    if (stop.hidden === !replying && send.hidden === !canSend) return;
    const hadFocus = document.activeElement === send || document.activeElement === stop;
    stop.hidden = !replying;
    send.hidden = !canSend;
    setText(hint, replying ? REPLYING_HINT : idleHint);
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
