// The dialog for all sessions: their number, and tasks that export or delete all of them, with progress.
// @ts-check

import { describeCountdown } from '../core/banners.js';
import { describeData, describeTask, isBusy } from '../core/data-view.js';
import { UNDO_MS } from '../core/deletions.js';
import { formatSeconds } from '../core/format-time.js';
import { OPTIONS, TASKS } from '../core/words/data.js';
import { announce } from './announcer.js';
import { element, everySecond, setText } from './dom.js';
import { createSignedOutNotice } from './signed-out.js';

/** Number of announcements of a progress. */
const PROGRESS_STEPS = 4;
/** Time after which the memory of a saved file is released: browsers begin to save it later than the click. */
const REVOKE_DELAY_MS = 60_000;

/** @param {{chat: Chat, data: SessionData}} deps */
export function createDataDialog({ chat, data }) {
  const heading = element('h2', { id: 'data-heading' });
  const count = element('p', { class: 'hint', dir: 'auto' });
  const owner = element('p', { class: 'data-owner', dir: 'auto' });
  const exportButton = button(OPTIONS.exportAll, () => void data.exportAll());
  const deleteButton = button(OPTIONS.deleteAll, () => void data.requestDeletion(), 'button danger');
  const close = button(OPTIONS.close, () => dialog.close());
  const task = createTask();
  const dialog = element(
    'dialog',
    { class: 'dialog', id: 'data-dialog', 'aria-labelledby': 'data-heading' },
    element(
      'div',
      { class: 'dialog-body' },
      element('div', { class: 'dialog-head' }, heading, count),
      owner,
      createSignedOutNotice(chat),
      option(OPTIONS.keep, OPTIONS.keepHint, exportButton),
      option(OPTIONS.remove, OPTIONS.removeHint, deleteButton),
      task.node,
      element('p', { class: 'visually-hidden announcer', role: 'status' }),
      element('div', { class: 'dialog-actions' }, close),
    ),
  );
  document.body.append(dialog);

  /** @type {Record<DataActionId, () => unknown>} */
  const actions = { ...data, save: () => save(data.store.state.file), retryNow: chat.retryNow };
  let announced = '';

  dialog.addEventListener('close', data.cancel);
  // A page in the cache of the browser's history must not continue with a deletion when it is shown again.
  window.addEventListener('pagehide', data.cancel);

  chat.store.watch(['config', 'list'], ({ config, list }) => {
    const isKnown = list.status === 'ready' || list.items.length > 0;
    const words = describeData(config?.auth, isKnown ? list.count : null);
    setText(heading, words.title);
    setText(owner, words.owner);
    setText(count, words.count);
    update();
  });
  data.store.watch(['phase', 'done', 'wait'], update);
  data.store.watch(['file'], ({ phase, file }) => {
    if (phase === 'exported') save(file);
  });

  function update() {
    const { state } = data.store;
    const { list, config } = chat.store.state;
    const hadFocus = dialog.contains(document.activeElement);
    const isEmpty = list.status === 'ready' && list.count === 0;
    const view = describeTask(state, describeData(config?.auth, null).isShared);
    exportButton.disabled = isBusy(state) || isEmpty;
    deleteButton.disabled = exportButton.disabled || state.phase === 'confirming';
    task.show(view, state, actions);
    announceTask(view, state);
    const active = /** @type {HTMLButtonElement | null} */ (document.activeElement);
    if (hadFocus && (!dialog.contains(active) || active?.disabled)) restoreFocus();
  }

  /** Moves the focus from a button that was removed or disabled to the next step. */
  function restoreFocus() {
    const candidates = [...task.node.querySelectorAll('button'), exportButton, close];
    candidates.find((candidate) => !candidate.disabled && candidate.checkVisibility())?.focus();
  }

  /** Announces each phase, and a progress only in large steps. */
  function announceTask(/** @type {TaskView | null} */ view, /** @type {DataState} */ { phase, done, total, wait }) {
    const step = view?.progress ? Math.floor((done * PROGRESS_STEPS) / Math.max(total, 1)) : 0;
    const key = `${phase} ${step} ${wait !== null}`;
    if (key === announced) return;
    announced = key;
    if (!view || !dialog.open) return;
    const text = view.isCountdown ? TASKS.pendingFor(view.text, UNDO_MS / 1000) : view.text;
    announce(view.hint ? `${text} ${view.hint}` : text);
  }

  return {
    open() {
      dialog.showModal();
      (exportButton.disabled ? close : exportButton).focus();
    },
  };
}

/** Creates the panel of a task. */
function createTask() {
  const text = element('span');
  const countdown = element('span', { class: 'countdown', role: 'timer', 'aria-live': 'off' });
  const progress = element('progress', { 'aria-label': OPTIONS.progress });
  const hint = element('p', { class: 'hint', dir: 'auto' });
  const retry = element('span', { class: 'countdown', role: 'timer', 'aria-live': 'off' });
  const buttons = element('div', { class: 'inline-actions' });
  const line = element('p', { class: 'data-text', dir: 'auto' }, text, ' ', countdown);
  const node = element('div', { class: 'data-task', hidden: true }, line, progress, hint, buttons);
  let ids = '';
  /** @type {() => DataState | null} */
  let current = () => null;

  const runCountdown = everySecond(() => {
    const state = current();
    const isPending = state?.phase === 'pending';
    setText(countdown, isPending ? TASKS.countdown(formatSeconds(state.until - Date.now())) : '');
    setText(retry, state?.wait ? describeCountdown(state.wait.until, Date.now()) : '');
    return isPending || Boolean(state?.wait);
  });

  function show(
    /** @type {TaskView | null} */ view,
    /** @type {DataState} */ state,
    /** @type {Record<DataActionId, () => unknown>} */ actions,
  ) {
    current = () => (view ? state : null);
    node.hidden = !view;
    node.dataset.tone = view?.tone ?? 'info';
    setText(text, view?.text ?? '');
    setText(hint, view?.hint ?? '');
    progress.hidden = !view?.progress;
    progress.max = Math.max(view?.progress?.total ?? 1, 1);
    progress.value = view?.progress?.done ?? 0;
    const next = (view?.actions ?? []).map(({ id, label }) => `${id} ${label}`).join();
    if (next !== ids) {
      ids = next;
      const created = (view?.actions ?? []).map(({ id, label, isDanger }) =>
        button(label, () => void actions[id](), `button small${isDanger ? ' destructive' : ''}`),
      );
      buttons.replaceChildren(retry, ...created);
    }
    runCountdown();
  }
  return { node, show };
}

function option(/** @type {string} */ title, /** @type {string} */ text, /** @type {HTMLElement} */ control) {
  const words = element('div', {}, element('h3', {}, title), element('p', { class: 'hint', dir: 'auto' }, text));
  return element('div', { class: 'data-option' }, words, control);
}

const button = (/** @type {string} */ label, /** @type {() => void} */ click, className = 'button') =>
  element('button', { type: 'button', class: className, on: { click } }, label);

/** Saves a file. The browser asks where to, if its settings say so. */
function save(/** @type {DataFile | null} */ file) {
  if (!file) return;
  const href = URL.createObjectURL(file.content);
  element('a', { href, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(href), REVOKE_DELAY_MS);
}
