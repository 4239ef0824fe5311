// The New Session dialog: a name, a persona, and the options if the name is in use. The input is kept until a session is created.
// @ts-check

import { automaticName, createUnderFreeName } from '../core/automatic-name.js';
import { describeCountdown, describeWait } from '../core/banners.js';
import { resolveLimits, validateName } from '../core/validation.js';
import { nameInUse } from '../core/words/sessions.js';
import { element, everySecond, find, findButton, findDialog, findInput, setFieldError, setText } from './dom.js';
import { createSignedOutNotice } from './signed-out.js';

/** @param {{chat: Chat, newId: () => string, onDone: () => void}} deps `onDone` is called when a session is open */
export function createNewSessionDialog({ chat, newId, onDone }) {
  const dialog = findDialog('new-dialog');
  const form = /** @type {HTMLFormElement} */ (find('new-form'));
  const name = findInput('display-name');
  const persona = /** @type {HTMLSelectElement} */ (find('persona-select'));
  /**
   * The last request. While the input is unchanged, its request id is kept, so that a retry after a lost response is idempotent.
   *
   * @type {{userId: string, persona: string, requestId: string, isAutomatic: boolean} | null}
   */
  let request = null;
  /** @type {AbortController | null} */
  let running = null;
  /** @type {Wait | null} */
  let wait = null;

  const runCountdown = everySecond(() => {
    find('new-waiting').hidden = !wait;
    if (wait) setText(find('new-countdown'), describeCountdown(wait.until, Date.now()));
    return wait !== null;
  });

  async function create() {
    if (!request) return;
    const { userId: name, persona, requestId, isAutomatic } = request;
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    setBusy(true);
    try {
      const createAs = (/** @type {string} */ userId) => {
        if (request) request.userId = userId;
        return chat.createSession({ userId, persona, requestId, ifExists: 'fail', signal, onWaitChange });
      };
      await (isAutomatic ? createUnderFreeName(name, createAs) : createAs(name));
      finish();
    } catch (problem) {
      if (!signal.aborted) showProblem(problem);
    } finally {
      if (!signal.aborted) setBusy(false);
    }
  }

  async function openExisting() {
    if (!request) return;
    const opening = chat.openSession(request.userId);
    finish();
    await opening;
  }

  function finish() {
    request = null;
    form.reset();
    dialog.close();
    onDone();
  }

  function onWaitChange(/** @type {Wait | null} */ next) {
    wait = next;
    setText(find('new-error'), next ? describeWait(next) : '');
    runCountdown();
  }

  function showProblem(/** @type {ApiError} */ problem) {
    if (problem.kind === 'exists' && !request?.isAutomatic) {
      setText(find('exists-text'), nameInUse(request?.userId));
      find('exists').hidden = false;
      find('open-existing').focus();
      return;
    }
    const nameError = problem.violationOf('user_id');
    const personaError = problem.violationOf('persona');
    setFieldError(name, 'name-error', nameError);
    setFieldError(persona, 'persona-error', personaError);
    // The notice explains that this browser is signed out.
    const isExplained = nameError || personaError || problem.kind === 'unauthenticated';
    if (!isExplained) setText(find('new-error'), problem.explanation);
    (personaError && !nameError ? persona : name).focus();
  }

  function clearErrors() {
    find('exists').hidden = true;
    setFieldError(name, 'name-error', null);
    setFieldError(persona, 'persona-error', null);
    onWaitChange(null);
  }

  function setBusy(/** @type {boolean} */ busy) {
    findButton('create').disabled = busy;
    form.setAttribute('aria-busy', String(busy));
  }

  function showDescription() {
    const selected = chat.store.state.personas.find(({ key }) => key === persona.value);
    setText(find('persona-hint'), selected?.description ?? '');
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    clearErrors();
    const given = name.value.trim();
    const userId = given || request?.userId || automaticName(chat.clock.now());
    const error = validateName(userId, resolveLimits(chat.store.state.config));
    if (error) {
      setFieldError(name, 'name-error', error);
      return name.focus();
    }
    request ??= { userId, persona: persona.value, requestId: newId(), isAutomatic: given === '' };
    void create();
  });
  form.addEventListener('input', () => {
    request = null;
    clearErrors();
    showDescription();
  });
  find('open-existing').addEventListener('click', () => void openExisting());
  find('choose-another').addEventListener('click', () => {
    clearErrors();
    request = null;
    name.focus();
    name.select();
  });
  find('new-signed-out').replaceWith(createSignedOutNotice(chat));
  find('new-try-now').addEventListener('click', () => chat.retryNow());
  find('new-cancel').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    running?.abort();
    clearErrors();
    setBusy(false);
  });

  chat.store.watch(['personas'], ({ personas }) => {
    const selected = persona.value;
    persona.replaceChildren(...personas.map(({ key, name: label }) => element('option', { value: key }, label)));
    if (personas.some(({ key }) => key === selected)) persona.value = selected;
    showDescription();
  });

  return {
    open() {
      void chat.loadPersonas();
      showDescription();
      if (!dialog.open) dialog.showModal();
      name.focus();
    },
  };
}
