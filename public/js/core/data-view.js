// The sentences and the actions of the dialog for all sessions, for each state of its task.
// @ts-check

import { describeWait } from './banners.js';
import { ACTIONS, OPTIONS, OWNERS, TASKS, TITLES } from './words/data.js';
import { LABELS } from './words/page.js';
import { sessions } from './words/units.js';

/** Phases in which no other task can be started. */
const BUSY = ['listing', 'exporting', 'pending', 'deleting'];

/** Describes the dialog by the kind of authentication, and the number of sessions if it is known. */
export function describeData(/** @type {string | undefined} */ auth, /** @type {number | null} */ count) {
  const isShared = auth === 'none' || auth === undefined;
  return {
    title: auth === 'cookie' ? TITLES.browser : TITLES.own,
    owner: isShared ? OWNERS.all : auth === 'cookie' ? OWNERS.browser : OWNERS.user,
    count: count === null ? '' : sessions(count),
    isShared,
  };
}

export const isBusy = (/** @type {DataState} */ { phase }) => BUSY.includes(phase);

/**
 * Describes the task. Returns null if there is none.
 *
 * @param {DataState} state
 * @param {boolean} isShared
 * @returns {TaskView | null}
 */
export function describeTask(state, isShared) {
  const view = DESCRIPTIONS[state.phase]?.(state, isShared);
  if (!view) return null;
  if (!state.wait) return view;
  // The countdown of a retry replaces the hint.
  return { ...view, hint: describeWait(state.wait), actions: [...view.actions, action('retryNow', LABELS.tryNow)] };
}

/** @type {Partial<Record<DataState['phase'], (state: DataState, isShared: boolean) => TaskView>>} */
const DESCRIPTIONS = {
  listing: () => ({ text: TASKS.listing, actions: [action('cancel', ACTIONS.cancel)] }),
  failed: ({ problem }) => ({
    tone: 'danger',
    text: TASKS.notListed,
    hint: problem?.explanation,
    actions: [action('cancel', LABELS.dismiss)],
  }),
  exporting: ({ done, total }) => ({
    text: TASKS.exporting(done, total),
    progress: { done, total },
    actions: [action('cancel', ACTIONS.cancel)],
  }),
  exported: ({ file, total }) => ({
    text: TASKS.exported(file?.sessions ?? 0, file?.name, total - (file?.sessions ?? 0)),
    actions: [action('save', ACTIONS.saveAgain)],
  }),
  incomplete: ({ failed, total, problem, file }) => ({
    tone: 'danger',
    text: TASKS.incomplete(failed, total),
    hint: problem?.explanation,
    actions: [
      action('retryExport', LABELS.tryAgain),
      ...(file?.sessions ? [action('save', ACTIONS.saveOthers(file.sessions))] : []),
    ],
  }),
  confirming: ({ total }, isShared) => ({
    tone: 'warn',
    text: TASKS.confirm(total),
    hint: isShared ? TASKS.confirmSharedHint : TASKS.confirmHint,
    actions: [action('cancel', ACTIONS.cancel), { ...action('confirmDeletion', OPTIONS.deleteAll), isDanger: true }],
  }),
  pending: ({ total }) => ({
    tone: 'warn',
    text: TASKS.pending(total),
    isCountdown: true,
    hint: TASKS.pendingHint,
    actions: [action('undoDeletion', LABELS.undo)],
  }),
  kept: () => ({ text: TASKS.kept, actions: [] }),
  deleting: ({ done, total }) => ({
    text: TASKS.deleting(done, total),
    progress: { done, total },
    hint: TASKS.deletingHint,
    actions: [],
  }),
  deleted: ({ total }) => ({
    text: TASKS.deleted(total),
    actions: [],
  }),
  undeleted: ({ failed, total, problem }) => ({
    tone: 'danger',
    text: TASKS.notDeleted(failed, total),
    hint: problem?.explanation,
    actions: [action('retryDeletion', LABELS.tryAgain)],
  }),
};

/** @returns {DataAction} */
const action = (/** @type {DataActionId} */ id, /** @type {string} */ label) => ({ id, label });
