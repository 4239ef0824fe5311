// The browser is killed in the middle of things and its profile opened again: session, draft, message and reply are there, once.

import { expect, gate, scripted, test } from '../support/fixture.js';

/** Waits until the page's own copy on disk holds `text`: what a person typed longer ago than that is safe. */
async function isKept(page, text) {
  const entries = () =>
    page.evaluate(async () => {
      const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
      const database = await done(indexedDB.open('nono'));
      const kept = await done(database.transaction('kept').objectStore('kept').getAll());
      database.close();
      return kept.join('\n');
    });
  await expect.poll(entries).toContain(text);
}

const history = async (request, name) => (await (await request.get(`/api/session/${encodeURIComponent(name)}/history`)).json()).messages;

test('killed while typing: the session and the draft are there', async ({ mortal, name }) => {
  const before = await mortal.start();
  await before.create(name, 'Creative Writer');
  await before.message.pressSequentially('half a thought, not yet se');
  await isKept(before.page, 'not yet se');
  await mortal.kill();
  const after = await mortal.start();
  await expect(after.user).toHaveText(name);
  await expect(after.page.locator('#persona')).toHaveText('Creative Writer');
  await expect(after.message).toHaveValue('half a thought, not yet se');
});

test('killed while sending: the message goes out once, and is answered once', async ({ mortal, name, request }) => {
  const before = await mortal.start();
  await before.create(name);
  await before.page.route('**/chat', () => {});
  await before.send('on its way');
  await expect(before.mine('on its way')).toContainText('Sending…');
  await isKept(before.page, 'on its way');
  await mortal.kill();
  expect(await history(request, name)).toEqual([]);
  const after = await mortal.start();
  await after.replied();
  await expect(after.rows).toHaveCount(2);
  await expect(after.message).toHaveValue('');
  expect((await history(request, name)).map(({ role }) => role)).toEqual(['user', 'assistant']);
});

test('killed when the service has the message but the page has not heard so: it is there once', async ({ mortal, name, request }) => {
  const before = await mortal.start();
  await before.create(name);
  await before.page.route('**/chat', async (route) => void (await route.fetch().catch(() => {})));
  await before.send('heard, unanswered');
  await expect.poll(() => history(request, name)).toHaveLength(2);
  await isKept(before.page, 'heard, unanswered');
  await mortal.kill();
  const after = await mortal.start();
  await after.replied();
  await expect(after.rows).toHaveCount(2);
  expect(await history(request, name)).toHaveLength(2);
});

scripted('killed while a reply streams: the message and the whole reply are there, once', async ({ mortal, name, program, request }) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'A reply worth waiting for', after: 3, gate: opened });
  const before = await mortal.start();
  await before.create(name);
  await before.send('Hello');
  await expect(before.theirs('A reply worth')).toBeVisible();
  await before.message.pressSequentially('and then');
  await isKept(before.page, 'and then');
  await mortal.kill();
  const after = await mortal.start();
  await expect(after.rows.last()).toContainText('Waiting for the reply…');
  await expect(after.message).toHaveValue('and then');
  open();
  await after.replied();
  await expect(after.rows.locator('.body')).toHaveText(['Hello', 'A reply worth waiting for']);
  expect(await history(request, name)).toHaveLength(2);
});
