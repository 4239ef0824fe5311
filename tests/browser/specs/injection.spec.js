// Injections in every text that the page shows: no script runs and nothing is loaded.

import { createStored, expect, pathOf, test } from '../support/fixture.js';
import { INJECTIONS } from '../support/injections.js';
import { measureStable } from '../support/stable-layout.js';

/** Defines the function that an injection would call, and collects requests to other origins. */
async function watchForInjections(page) {
  const foreign = [];
  page.on('request', (request) => new URL(request.url()).host.startsWith('127.0.0.1') || foreign.push(request.url()));
  await page.addInitScript(() => {
    window.runs = 0;
    window.pwned = () => (window.runs += 1);
  });
  return foreign;
}

/** Runs in the page. Returns elements and attributes that the page never creates. */
const findForeignNodes = () => {
  const bad =
    'script:not([src^="js/"]):not([src*="/js/"]), iframe, img, object, embed, style, base, form[action], meta[http-equiv], [onload], [onerror], [onclick], [style]:not(textarea, .log > .column)';
  return [...document.querySelectorAll(bad)]
    .map((node) => node.outerHTML)
    .concat(
      [...document.querySelectorAll('a[href]')]
        .filter(({ protocol }) => !['http:', 'https:', 'mailto:'].includes(protocol))
        .map((node) => node.outerHTML),
    );
};

test('injections in messages of every role are inert', async ({ page, chat, name, request }) => {
  const foreign = await watchForInjections(page);
  const messages = INJECTIONS.flatMap((text) => [
    ['assistant', text],
    ['user', text],
  ]).slice(0, 49);
  for (const half of [
    messages,
    INJECTIONS.slice(25).map((text) => ['assistant', text]),
    INJECTIONS.slice(25).map((text) => ['system', text]),
  ]) {
    const part = `${name} ${half.length} ${half[0][0]} ${half[0][1].length}`;
    await createStored(request, part, half);
    await page.goto(pathOf(part));
    await expect(chat.rows).toHaveCount(half.length);
    await expect(page.locator('.prose').first().or(page.locator('[data-role=system]').first())).toBeVisible();
    expect(await measureStable(page, findForeignNodes)).toEqual([]);
    for (const link of await page.locator('.prose a').all())
      await expect(link).toHaveAttribute('rel', 'noopener noreferrer nofollow');
    expect(await measureStable(page, () => window.runs)).toBe(0);
  }
  expect(foreign).toEqual([]);
});

test('injections in names, personas and metadata are inert in the header, the title, the list, the banners and the dialogs', async ({
  page,
  chat,
  request,
}) => {
  await watchForInjections(page);
  const personas = INJECTIONS.slice(0, 12).map((text, index) => ({
    key: index ? text : 'default',
    name: text,
    description: text,
  }));
  await page.route('**/api/personas', (route) => route.fulfill({ json: { personas } }));
  await page.route('**/api/config', async (route) => {
    const answer = await route.fetch();
    return route.fulfill({ json: { ...(await answer.json()), title: INJECTIONS[1], powered_by: INJECTIONS[3] } });
  });
  const names = INJECTIONS.filter((text) => Buffer.byteLength(text) < 100 && !/\p{Cc}/u.test(text)).map(
    (text, index) => `${index} ${text}`,
  );
  for (const userId of names) {
    const answer = await request.post('/api/session/create', {
      data: { user_id: userId, metadata: { note: userId, deep: { [userId]: [userId] } } },
    });
    expect(answer.ok(), userId).toBe(true);
  }
  await page.goto('/');
  await expect(page.getByRole('radio', { name: INJECTIONS[1] }).first()).toBeVisible();
  expect(await measureStable(page, findForeignNodes)).toEqual([]);
  await chat.sessionsButton.click();
  await expect(chat.row(names[0]).first()).toBeVisible();
  expect(await measureStable(page, findForeignNodes)).toEqual([]);
  await chat.sessionsDialog.getByRole('button', { name: `Actions for session ${names[1]}` }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.keyboard.press('Escape');
  await expect(page.locator('.toast')).toContainText(names[1]);
  await page.goto(pathOf(names[2]));
  await expect(chat.user).toHaveText(names[2]);
  await expect(page).toHaveTitle(`${names[2]} · ${INJECTIONS[1]}`);
  await chat.newButton.click();
  await chat.newDialog.getByLabel('Display Name').fill(names[2]);
  await page.keyboard.press('Enter');
  chat.expectedErrors.push(/status of 4\d\d /);
  await expect(chat.newDialog.getByText('is in use')).toBeVisible();
  expect(await measureStable(page, findForeignNodes)).toEqual([]);
  expect(await measureStable(page, () => window.runs)).toBe(0);
});

test('injections in errors of the service are inert', async ({ page, chat, name }) => {
  await watchForInjections(page);
  await page.goto('/');
  await chat.create(name);
  await chat.failCalls('**/chat', {
    status: 500,
    reason: 'INTERNAL',
    detail: INJECTIONS[1],
    times: 1,
    request_id: INJECTIONS[0],
  });
  await chat.send('hello');
  const alert = chat.userMessage('hello').getByRole('alert');
  await expect(alert).toContainText(INJECTIONS[0]);
  await expect(alert).not.toContainText(INJECTIONS[1]);
  expect(await measureStable(page, findForeignNodes)).toEqual([]);
  expect(await measureStable(page, () => window.runs)).toBe(0);
});
