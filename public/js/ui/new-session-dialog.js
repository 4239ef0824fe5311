// The New Session dialog: a name, a voice, and what to do when the name is in use. What was typed stays until it succeeded.

import { waitingText } from '../core/banners.js';
import { fallbackName, limitsOf, nameFault } from '../core/validation.js';
import { seconds } from '../core/format-time.js';
import { eachSecond, element, find, setText } from './dom.js';

/** @param {{chat: object, newId: () => string, onDone: () => void}} deps `onDone` runs when a session is open */
export function createNewSession({ chat, newId, onDone }) {
  const dialog = find('new-dialog');
  const form = find('new-form');
  const name = find('display-name');
  const persona = find('persona-select');
  /** What was last tried: the same values keep the same request id, so a retry after a lost answer is safe. */
  let attempt = null;
  let running = null;
  let waiting = null;

  const countdown = eachSecond(() => {
    find('new-waiting').hidden = !waiting;
    if (waiting) setText(find('new-countdown'), `Trying again in ${seconds(waiting.until - Date.now())}`);
    return waiting !== null;
  });

  async function create(ifExists) {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    setBusy(true);
    try {
      await chat.create({ ...attempt, ifExists, signal, onWait });
      finish();
    } catch (problem) {
      if (!signal.aborted) refuse(problem);
    } finally {
      if (!signal.aborted) setBusy(false);
    }
  }

  async function openExisting() {
    const opening = chat.open(attempt.userId);
    finish();
    await opening;
  }

  function finish() {
    attempt = null;
    form.reset();
    dialog.close();
    onDone();
  }

  function onWait(next) {
    waiting = next;
    setText(find('new-error'), next ? waitingText(next) : '');
    countdown();
  }

  function refuse(problem) {
    if (problem.kind === 'exists') {
      setText(find('exists-text'), `“${attempt.userId}” is in use.`);
      find('exists').hidden = false;
      find('open-existing').focus();
      return;
    }
    const nameWords = problem.violationOf('user_id');
    const personaWords = problem.violationOf('persona');
    showFault(name, 'name-error', nameWords);
    showFault(persona, 'persona-error', personaWords);
    if (!nameWords && !personaWords) setText(find('new-error'), problem.explanation);
    (personaWords && !nameWords ? persona : name).focus();
  }

  function clearFaults() {
    find('exists').hidden = true;
    showFault(name, 'name-error', null);
    showFault(persona, 'persona-error', null);
    onWait(null);
  }

  function setBusy(busy) {
    find('create').disabled = busy;
    form.setAttribute('aria-busy', String(busy));
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    clearFaults();
    const userId = name.value.trim() || attempt?.userId || fallbackName(chat.clock.now());
    const fault = nameFault(userId, limitsOf(chat.store.state.config));
    if (fault) {
      showFault(name, 'name-error', fault);
      return name.focus();
    }
    attempt ??= { userId, persona: persona.value, requestId: newId() };
    void create('fail');
  });
  form.addEventListener('input', () => {
    attempt = null;
    clearFaults();
    describe();
  });
  find('open-existing').addEventListener('click', () => void openExisting());
  find('choose-another').addEventListener('click', () => {
    clearFaults();
    attempt = null;
    name.focus();
    name.select();
  });
  find('new-try-now').addEventListener('click', () => chat.wake());
  find('new-cancel').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    running?.abort();
    clearFaults();
    setBusy(false);
  });

  chat.store.watch(['personas'], ({ personas }) => {
    const chosen = persona.value;
    persona.replaceChildren(...personas.map(({ key, name: words }) => element('option', { value: key }, words)));
    if (personas.some(({ key }) => key === chosen)) persona.value = chosen;
    describe();
  });

  function describe() {
    const chosen = chat.store.state.personas.find(({ key }) => key === persona.value);
    setText(find('persona-hint'), chosen?.description ?? '');
  }

  return {
    /** Opens the dialog, with a persona chosen beforehand if one was clicked. */
    open(key) {
      void chat.loadPersonas();
      if (key) persona.value = key;
      describe();
      if (!dialog.open) dialog.showModal();
      name.focus();
    },
  };
}

function showFault(field, id, fault) {
  setText(find(id), fault ?? '');
  if (fault) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
}
