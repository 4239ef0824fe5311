// A browser that is killed and started again on its profile shows the session, the draft, the message and the reply, each once.

import { expect, gate, scripted, test } from '../support/fixture.js';
import { waitUntilMirrored } from '../support/mirror.js';

const history = async (request, name) =>
  (await (await request.get(`/api/session/${encodeURIComponent(name)}/history`)).json()).messages;

test('after a crash while typing, the session and the draft are restored', async ({ killable, name }) => {
  const before = await killable.start();
  await before.create(name, 'Creative Writer');
  await before.message.pressSequentially('half a thought, not yet se');
  await waitUntilMirrored(before.page, 'not yet se');
  await killable.kill();
  const after = await killable.start();
  await expect(after.user).toHaveText(name);
  await expect(after.page.locator('#persona')).toHaveText('Creative Writer');
  await expect(after.message).toHaveValue('half a thought, not yet se');
});

test('after a crash while sending, the message is sent once and has one reply', async ({ killable, name, request }) => {
  const before = await killable.start();
  await before.create(name);
  await before.page.route('**/chat', () => {});
  await before.send('on its way');
  await expect(before.userMessage('on its way')).toContainText('Sending…');
  await waitUntilMirrored(before.page, 'on its way');
  await killable.kill();
  expect(await history(request, name)).toEqual([]);
  const after = await killable.start();
  await after.replied();
  await expect(after.rows).toHaveCount(2);
  await expect(after.message).toHaveValue('');
  expect((await history(request, name)).map(({ role }) => role)).toEqual(['user', 'assistant']);
});

test('after a crash between storing and accepting, the message is stored once', async ({ killable, name, request }) => {
  const before = await killable.start();
  await before.create(name);
  await before.page.route('**/chat', async (route) => void (await route.fetch().catch(() => {})));
  await before.send('heard, unanswered');
  await expect.poll(() => history(request, name)).toHaveLength(2);
  await waitUntilMirrored(before.page, 'heard, unanswered');
  await killable.kill();
  const after = await killable.start();
  await after.replied();
  await expect(after.rows).toHaveCount(2);
  expect(await history(request, name)).toHaveLength(2);
});

scripted(
  'after a crash while a reply streams, the message and the whole reply are shown once',
  async ({ killable, name, program, request }) => {
    const { opened, open } = gate();
    program.plan(name, { text: 'A reply worth waiting for', after: 3, gate: opened });
    const before = await killable.start();
    await before.create(name);
    await before.send('Hello');
    await expect(before.reply('A reply worth')).toBeVisible();
    await before.message.pressSequentially('and then');
    await waitUntilMirrored(before.page, 'and then');
    await killable.kill();
    const after = await killable.start();
    await expect(after.reply('A reply worth')).toHaveAttribute('data-state', 'streaming');
    await expect(after.message).toHaveValue('and then');
    open();
    await after.replied();
    await expect(after.rows.locator('.body')).toHaveText(['Hello', 'A reply worth waiting for']);
    expect(await history(request, name)).toHaveLength(2);
  },
);
