// The words and the actions of the dialog for all sessions, for each state of its task.
// @ts-check

import { describeWait } from './banners.js';
import { formatNumber as number } from './locale.js';

/** Phases in which no other task can be started. */
const BUSY = ['listing', 'exporting', 'pending', 'deleting'];

/** Describes the dialog by the kind of authentication, and the number of sessions if it is known. */
export function describeData(/** @type {string | undefined} */ auth, /** @type {number | null} */ count) {
  const isShared = auth === 'none' || auth === undefined;
  return {
    title: auth === 'cookie' ? 'Your data in this browser' : 'Your data',
    owner: isShared
      ? 'All people who use this server share the sessions: they can read and delete them.'
      : auth === 'cookie'
        ? 'Your sessions belong to this browser. Other browsers and devices do not see them.'
        : 'Other people do not see your sessions.',
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
  return { ...view, hint: describeWait(state.wait), actions: [...view.actions, action('retryNow', 'Try now')] };
}

/** @type {Partial<Record<DataState['phase'], (state: DataState, isShared: boolean) => TaskView>>} */
const DESCRIPTIONS = {
  listing: () => ({ text: 'Reading the list of sessions…', actions: [action('cancel', 'Cancel')] }),
  failed: ({ problem }) => ({
    tone: 'danger',
    text: 'The list of sessions could not be read.',
    hint: problem?.explanation,
    actions: [action('cancel', 'Dismiss')],
  }),
  exporting: ({ done, total }) => ({
    text: `Exporting: ${number(done)} of ${number(total)}`,
    progress: { done, total },
    actions: [action('cancel', 'Cancel')],
  }),
  exported: ({ file, total }) => ({
    text: `${saved(file?.sessions ?? 0)} in ${file?.name}.${endedNote(total - (file?.sessions ?? 0))}`,
    actions: [action('save', 'Save again')],
  }),
  incomplete: ({ failed, total, problem, file }) => ({
    tone: 'danger',
    text: `${number(failed)} of ${sessions(total)} ${failed === 1 ? 'is' : 'are'} missing.`,
    hint: problem?.explanation,
    actions: [
      action('retryExport', 'Try again'),
      ...(file?.sessions ? [action('save', `Save the other ${number(file.sessions)}`)] : []),
    ],
  }),
  confirming: ({ total }, isShared) => ({
    tone: 'warn',
    text: `Delete ${all(total)}?`,
    hint: `${isShared ? 'Other people use them too. ' : ''}To keep a copy, use Export all first.`,
    actions: [action('cancel', 'Cancel'), { ...action('confirmDeletion', 'Delete all'), isDanger: true }],
  }),
  pending: ({ total }) => ({
    tone: 'warn',
    text: `${capitalize(all(total))} will be deleted in`,
    isCountdown: true,
    hint: 'If you close this dialog or leave the page before, nothing is deleted.',
    actions: [action('undoDeletion', 'Undo')],
  }),
  kept: () => ({ text: 'Nothing was deleted.', actions: [] }),
  deleting: ({ done, total }) => ({
    text: `Deleting: ${number(done)} of ${number(total)}`,
    progress: { done, total },
    hint: 'If you leave the page now, the rest is not deleted.',
    actions: [],
  }),
  deleted: ({ total }) => ({
    text: `${sessions(total)} ${total === 1 ? 'was' : 'were'} deleted.`,
    actions: [],
  }),
  undeleted: ({ failed, total, problem }) => ({
    tone: 'danger',
    text: `${number(failed)} of ${sessions(total)} could not be deleted.`,
    hint: problem?.explanation,
    actions: [action('retryDeletion', 'Try again')],
  }),
};

/** @returns {DataAction} */
const action = (/** @type {DataActionId} */ id, /** @type {string} */ label) => ({ id, label });

const sessions = (/** @type {number} */ count) => (count === 1 ? '1 session' : `${number(count)} sessions`);
const all = (/** @type {number} */ count) => (count === 1 ? 'the only session' : `all ${sessions(count)}`);
const saved = (/** @type {number} */ count) => `${sessions(count)} ${count === 1 ? 'was' : 'were'} saved`;
const endedNote = (/** @type {number} */ count) =>
  count > 0 ? ` ${sessions(count)} ended in the meantime and ${count === 1 ? 'is' : 'are'} not in it.` : '';
const capitalize = (/** @type {string} */ words) => words[0].toUpperCase() + words.slice(1);
