// The deletion of all sessions: undo, the end, leaving in between, and failures.

import { stopClock } from '../support/clock.js';
import { count, create, openDialog } from '../support/data-dialog.js';
import { Chat, expect, isolated as test } from '../support/fixture.js';

test('a deletion of all sessions can be undone', async ({ page, chat, request }) => {
  await create(request);
  await page.clock.install();
  await page.goto('/');
  const { task, deleteAll, confirm, undo } = await openDialog(chat);
  await deleteAll.click();
  await expect(task).toContainText('Delete all 6 sessions?');
  await expect(task.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await stopClock(page);
  await confirm.click();
  await expect(task).toContainText('All 6 sessions will be deleted in 10 s.');
  await expect(undo).toBeFocused();
  await page.clock.runFor(9_000);
  await expect(task).toContainText('will be deleted in 1 s.');
  await undo.press('Enter');
  await page.clock.runFor(30_000);
  await expect(task).toContainText('Nothing was deleted.');
  expect(await count(request)).toBe(6);
});

test('after ten seconds all sessions are deleted, the open one is closed and other tabs notice', async ({
  page,
  context,
  chat,
  request,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 404 /);
  await create(request);
  await page.goto('/?session=Ada');
  await expect(chat.rows).toHaveCount(2);
  await chat.message.fill('a draft');
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto('/?session=Grace');
  await expect(other.rows).toHaveCount(2);
  await page.clock.install();
  await page.reload();
  await expect(chat.rows).toHaveCount(2);
  const { dialog, task, deleteAll, confirm, close } = await openDialog(chat);
  await deleteAll.click();
  await expect(confirm).toBeVisible();
  await stopClock(page);
  await confirm.click();
  await page.clock.runFor(10_000);
  await page.clock.resume();
  await expect(task).toContainText('6 sessions were deleted.');
  await expect(dialog.getByText('0 sessions', { exact: true })).toBeVisible();
  expect(await count(request)).toBe(0);
  await expect(other.banner('gone')).toBeVisible();
  await expect(close).toBeFocused();
  await close.press('Enter');
  await expect(chat.sessionsDialog.getByRole('button', { name: 'Your data' })).toBeFocused();
  await expect(chat.sessionsDialog.getByText('There are no sessions yet.')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('heading', { name: 'Who would you like to talk to?' })).toBeVisible();
  const drafts = () => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('draft')));
  await expect.poll(drafts).toEqual([]);
});

test('closing the dialog or leaving the page in these ten seconds deletes nothing', async ({ page, chat, request }) => {
  await create(request);
  await page.clock.install();
  await page.goto('/');
  const { dialog, deleteAll, confirm } = await openDialog(chat);
  await deleteAll.click();
  await expect(confirm).toBeVisible();
  await stopClock(page);
  await confirm.click();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await page.clock.runFor(60_000);
  expect(await count(request)).toBe(6);
  await page.clock.resume();
  await chat.sessionsDialog.getByRole('button', { name: 'Your data' }).click();
  await deleteAll.click();
  await confirm.click();
  await page.goto('about:blank');
  await page.goBack();
  await expect(chat.sessionsButton).toBeVisible();
  expect(await count(request)).toBe(6);
});

test('sessions that cannot be deleted are counted, and deleted by Try again', async ({ page, chat, request }) => {
  await create(request);
  await page.clock.install();
  await page.goto('/');
  const { task, deleteAll, confirm } = await openDialog(chat);
  await chat.failCalls('**/session/Tony', { status: 500, reason: 'INTERNAL', method: 'DELETE', times: 1 });
  await chat.failCalls('**/session/Alan', { status: 404, reason: 'SESSION_NOT_FOUND', method: 'DELETE', times: 1 });
  await deleteAll.click();
  await expect(confirm).toBeVisible();
  await stopClock(page);
  await confirm.click();
  await page.clock.runFor(10_000);
  await page.clock.resume();
  await expect(task).toContainText('1 of 6 sessions could not be deleted.');
  await task.getByRole('button', { name: 'Try again' }).click();
  await expect(task).toContainText('1 session was deleted.');
  // The call for Alan was intercepted.
  expect(await count(request)).toBe(1);
});
