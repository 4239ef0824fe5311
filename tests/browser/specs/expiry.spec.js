// Real expiry, in a program whose sessions live for a few seconds.

import { test as base, expect } from '../support/fixture.js';
import { startProgram } from '../support/program.js';

/** Long enough for a slow machine. */
const TTL = '8s';

const test = base.extend({
  program: [
    async ({}, use) => {
      const program = await startProgram({ ttl: TTL });
      await use(program);
      await program.stop();
    },
    { scope: 'worker' },
  ],
});

test('the draft of a session that expires is kept when the session is created again', async ({
  page,
  chat,
  name,
  request,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 404 /);
  await page.goto('/');
  await chat.create(name, 'Technical Support');
  await chat.message.fill('I was not finished');
  await expect(chat.banner('ending')).toContainText('ends soon');
  await expect(chat.banner('gone')).toContainText('What you have not sent is safe.', {
    timeout: 20_000,
  });
  await expect(chat.message).toHaveValue('I was not finished');
  expect((await request.get(`/api/session/${encodeURIComponent(name)}`)).status()).toBe(404);
  await chat
    .banner('gone')
    .getByRole('button', { name: `Start again as ${name}` })
    .click();
  await expect(chat.banner('gone')).toHaveCount(0);
  await expect(chat.message).toHaveValue('I was not finished');
  await expect(page.locator('#persona')).toHaveText('Technical Support');
  await chat.message.press('Enter');
  await chat.replied();
  await expect(chat.userMessage('I was not finished')).toHaveCount(1);
});

test('a session that is extended repeatedly does not expire', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  const endMs = Date.now() + 10_000;
  while (Date.now() < endMs) {
    await expect(chat.banner('ending')).toContainText(/0:0[0-5]/);
    const touched = page.waitForResponse('**/touch');
    await chat.banner('ending').getByRole('button', { name: 'Keep this session' }).click();
    expect((await touched).status()).toBe(200);
  }
  await expect(chat.sendButton).toBeEnabled();
  await expect(chat.banner('gone')).toHaveCount(0);
});
