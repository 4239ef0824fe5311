// The dialog for all sessions: the export into one file, failures, loading, a phone, and cookies.

import { readFile } from 'node:fs/promises';
import { create, NAMES, openDialog } from '../support/data-dialog.js';
import { createFilled, expect, isolated as test, withCookies } from '../support/fixture.js';
import { waitForStableLayout } from '../support/stable-layout.js';

test('all sessions are exported into one file', async ({ page, chat, request }) => {
  await create(request);
  await page.goto('/');
  const { dialog, task, exportAll } = await openDialog(chat);
  await expect(dialog.getByText('6 sessions', { exact: true })).toBeVisible();
  await expect(dialog.getByText('Everyone who uses this server shares the sessions')).toBeVisible();
  const [download] = await Promise.all([page.waitForEvent('download'), exportAll.click()]);
  expect(download.suggestedFilename()).toMatch(/^nono-sessions-\d{4}-\d{2}-\d{2}\.json$/);
  const file = JSON.parse(await readFile(await download.path(), 'utf8'));
  expect(Math.abs(Date.parse(file.exported_at) - Date.now())).toBeLessThan(60_000);
  expect(file.sessions.map(({ session }) => session.user_id).sort()).toEqual([...NAMES].sort());
  expect(file.sessions.map(({ messages }) => messages.map(({ content }) => content))).toEqual(
    NAMES.map(() => ['message 1 of 2', 'message 2 of 2']),
  );
  await expect(task).toContainText('6 sessions were saved in nono-sessions-');
  await expect(dialog.getByRole('status')).toHaveText(/6 sessions were saved/);
  const [again] = await Promise.all([
    page.waitForEvent('download'),
    task.getByRole('button', { name: 'Save again' }).click(),
  ]);
  expect(JSON.parse(await readFile(await again.path(), 'utf8'))).toEqual(file);
});

test('an export shows its progress and can be cancelled', async ({ page, chat, request }) => {
  await create(request);
  const downloads = [];
  page.on('download', (download) => downloads.push(download));
  await page.goto('/');
  let passed = 0;
  await page.route('**/export*', (route) => ((passed += 1) <= 2 ? route.fallback() : null));
  const { task, exportAll } = await openDialog(chat);
  await exportAll.click();
  await expect(task).toContainText('Exporting: 2 of 6');
  await expect(task.getByRole('progressbar')).toHaveJSProperty('value', 2);
  await expect(task.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(task).toBeHidden();
  await expect(exportAll).toBeFocused();
  expect(downloads).toEqual([]);
});

test('sessions that cannot be exported are counted, and the others are offered', async ({ page, chat, request }) => {
  await create(request);
  await page.goto('/');
  const { task, exportAll } = await openDialog(chat);
  await chat.failCalls('**/Grace/export*', { status: 500, reason: 'INTERNAL', detail: 'an internal error', times: 1 });
  await chat.failCalls('**/Alan/export*', { status: 404, reason: 'SESSION_NOT_FOUND', times: 1 });
  await exportAll.click();
  await expect(task).toContainText('1 of 6 sessions is missing.');
  await expect(task.locator('.hint')).toContainText('Something went wrong in the service.');
  const [part] = await Promise.all([
    page.waitForEvent('download'),
    task.getByRole('button', { name: 'Save the other 4' }).click(),
  ]);
  expect(JSON.parse(await readFile(await part.path(), 'utf8')).sessions).toHaveLength(4);
  const [rest] = await Promise.all([
    page.waitForEvent('download'),
    task.getByRole('button', { name: 'Try again' }).click(),
  ]);
  expect(JSON.parse(await readFile(await rest.path(), 'utf8')).sessions).toHaveLength(5);
  await expect(task).toContainText('1 session ended in the meantime and is not in it.');
});

test('a dialog that cannot be loaded is tried again', async ({ page, chat, request, expectedErrors }) => {
  expectedErrors.push(/ERR_FAILED/);
  await create(request, ['Ada']);
  await page.route('**/data-dialog.js', (route) => route.abort(), { times: 1 });
  await page.goto('/');
  await chat.sessionsButton.click();
  await expect(chat.row('Ada')).toBeVisible();
  await chat.sessionsDialog.getByRole('button', { name: 'Your data' }).click();
  await expect(page.getByRole('dialog', { name: 'Your data' })).toBeVisible();
});

test('without sessions, nothing can be exported or deleted', async ({ page, chat }) => {
  await page.goto('/');
  await chat.sessionsButton.click();
  await expect(chat.sessionsDialog.getByText('There are no sessions yet.')).toBeVisible();
  await chat.sessionsDialog.getByRole('button', { name: 'Your data' }).click();
  const dialog = page.getByRole('dialog', { name: 'Your data' });
  await expect(dialog.getByRole('button', { name: 'Export all' })).toBeDisabled();
  await expect(dialog.getByRole('button', { name: 'Delete all' })).toBeDisabled();
  await expect(dialog.getByRole('button', { name: 'Close' })).toBeFocused();
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });

  test('the dialog is a sheet whose buttons are large enough to touch', async ({ page, chat, request }) => {
    await create(request);
    await page.goto('/');
    const { dialog, deleteAll, confirm } = await openDialog(chat);
    await deleteAll.tap();
    await expect(confirm).toBeVisible();
    await waitForStableLayout(page);
    const edges = () => dialog.boundingBox().then(({ x, y, width, height }) => [x, width, Math.round(y + height)]);
    await expect.poll(edges).toEqual([0, 360, 640]);
    const small = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('#data-dialog button, #sessions-data')]
          .filter((button) => button.checkVisibility())
          .map((button) => [button.textContent, button.getBoundingClientRect()])
          .filter(([, { width, height }]) => width < 44 || height < 44)
          .map(([text]) => text),
      );
    await expect.poll(small).toEqual([]);
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });
});

withCookies(
  'with cookies, the dialog exports only the sessions of this browser, and offers the way back when signed out',
  async ({ page, context, browser, baseURL, chat, name, expectedErrors }) => {
    expectedErrors.push(/status of 401 /);
    const stranger = await browser.newContext({ baseURL });
    await stranger.request.get('/');
    await createFilled(stranger.request, 'Mallory', 1);
    await page.goto('/');
    await chat.create(name);
    const { dialog, task, exportAll } = await openDialog(chat, 'Your data in this browser');
    await expect(dialog.getByText('Your sessions belong to this browser.')).toBeVisible();
    const [download] = await Promise.all([page.waitForEvent('download'), exportAll.click()]);
    const file = JSON.parse(await readFile(await download.path(), 'utf8'));
    expect(file.sessions.map(({ session }) => session.user_id)).toEqual([name]);
    await context.clearCookies();
    await exportAll.click();
    await expect(task).toContainText('This browser has no valid cookie for this server.');
    await expect(dialog.getByRole('button', { name: 'Reload' })).toBeVisible();
    await stranger.close();
  },
);
