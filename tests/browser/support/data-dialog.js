// The dialog for all sessions, and sessions for it.

import { createFilled, expect } from './fixture.js';

export const NAMES = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Tony'];

/** Opens the dialog from the Sessions dialog, and returns its parts. */
export async function openDialog(chat, title = 'Your data') {
  await chat.sessionsButton.click();
  await expect(chat.sessionsDialog.locator('#session-count')).toHaveText(/session/);
  await chat.sessionsDialog.getByRole('button', { name: 'Your data' }).click();
  const dialog = chat.page.getByRole('dialog', { name: title, exact: true });
  await expect(dialog).toBeVisible();
  return {
    dialog,
    task: dialog.locator('.data-task'),
    exportAll: dialog.getByRole('button', { name: 'Export all' }),
    deleteAll: dialog.locator('.data-option').getByRole('button', { name: 'Delete all' }),
    confirm: dialog.locator('.data-task').getByRole('button', { name: 'Delete all' }),
    undo: dialog.getByRole('button', { name: 'Undo' }),
    close: dialog.getByRole('button', { name: 'Close' }),
  };
}

/** Creates sessions with two messages each. */
export const create = async (request, names = NAMES) => {
  for (const name of names) await createFilled(request, name, 2);
};
/** Returns the number of sessions of the owner. */
export const count = async (request) => (await (await request.get('/api/sessions')).json()).count;
