// Owners with `--auth cookie`: each browser has sessions of its own, and pages of other origins neither read nor change them.

import { createServer } from 'node:http';
import { Chat, expect, withCookies as test } from '../support/fixture.js';

const OWNER_NOTICE = 'Your sessions belong to this browser. Other browsers and devices do not see them.';
const count = async (request) => (await (await request.get('/api/sessions')).json()).count;

test('two browsers see only their own sessions', async ({ page, browser, baseURL, chat, name, expectedErrors }) => {
  expectedErrors.push(/status of 404 /);
  await page.goto('/');
  await chat.create(name);
  await chat.say('secret of the first');
  const context = await browser.newContext({ baseURL });
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(`/?${new URLSearchParams({ session: name })}`);
  await expect(other.banner('gone')).toBeVisible();
  await other.sessionsButton.click();
  await expect(other.sessionsDialog.getByText('There are no sessions yet.')).toBeVisible();
  await other.page.keyboard.press('Escape');
  // The same name is free for each owner.
  await other.create(name);
  await other.say('secret of the second');
  await expect(other.userMessage('secret of the first')).toHaveCount(0);
  await page.reload();
  await expect(chat.userMessage('secret of the first')).toBeVisible();
  await expect(chat.userMessage('secret of the second')).toHaveCount(0);
  expect([await count(page.request), await count(context.request)]).toEqual([1, 1]);
  await context.close();
});

test('the page says once that the sessions belong to this browser', async ({ page, chat }) => {
  await page.goto('/');
  await expect(chat.banner('owner').getByRole('status')).toHaveText(OWNER_NOTICE);
  await expect(page.getByText('which belongs to this browser, lasts as long as')).toBeVisible();
  await chat.banner('owner').getByRole('button', { name: 'Got it' }).click();
  await expect(chat.banner('owner')).toHaveCount(0);
  await page.reload();
  await expect(page.getByText('which belongs to this browser, lasts as long as')).toBeVisible();
  await expect(chat.banner('owner')).toHaveCount(0);
});

test('the cookie cannot be read by scripts and is not sent by other sites', async ({ page, context }) => {
  await page.goto('/');
  await expect.poll(() => context.cookies()).toHaveLength(1);
  const [{ name, value, domain, path, httpOnly, sameSite, expires }] = await context.cookies();
  expect({ name, domain, path, httpOnly, sameSite }).toEqual({
    name: 'nono_owner',
    domain: '127.0.0.1',
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
  });
  expect(value).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
  const days = (expires - Date.now() / 1000) / 86_400;
  expect(days).toBeGreaterThan(364);
  await expect.poll(() => page.evaluate(() => document.cookie)).toBe('');
  await page.reload();
  expect((await context.cookies()).map((cookie) => cookie.value)).toEqual([value]);
});

test('a host name that is not allowed gets 421, so that DNS rebinding leads to no page', async ({
  page,
  baseURL,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 421 /);
  const rebound = baseURL.replace('127.0.0.1', 'rebound.localhost');
  const response = await page.goto(rebound);
  expect(response.status()).toBe(421);
  expect(response.headers()['set-cookie']).toBeUndefined();
  await expect
    .poll(() => page.evaluate(async () => (await fetch('/api/sessions', { credentials: 'include' })).status))
    .toBe(421);
});

/** Starts a server with an empty page, which is another origin than the program. */
async function startOtherOrigin(host) {
  const server = createServer((_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<p>x</p>'),
  );
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://${host}:${server.address().port}/`,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** Runs in a page of another origin. Tries to read and to write by scripts, and returns the outcome of each try. */
async function tryEverything({ target, user }) {
  const session = `${target}/api/session/${encodeURIComponent(user)}`;
  const request = (url, init) =>
    fetch(url, { credentials: 'include', ...init }).then(
      async ({ type, status }) => `${type} ${status}`,
      () => 'failed',
    );
  const load = (tag, attributes) =>
    new Promise((resolve) => {
      const node = Object.assign(document.createElement(tag), attributes);
      node.onload = () => resolve('loaded');
      node.onerror = () => resolve('failed');
      document.body.append(node);
    });
  const connect = (connection) =>
    new Promise((resolve) => {
      connection.onopen = () => resolve('open');
      connection.onmessage = () => resolve('message');
      connection.onerror = () => {
        connection.close();
        resolve('failed');
      };
    });
  const text = { 'content-type': 'text/plain' };
  const json = { 'content-type': 'application/json' };
  const create = JSON.stringify({ user_id: 'intruder' });
  const chat = JSON.stringify({ message: 'intruder', request_id: 'x' });
  return {
    read: await request(`${session}/history`),
    readWithoutCors: await request(`${session}/history`, { mode: 'no-cors' }),
    list: await request(`${target}/api/sessions`),
    page: await request(`${target}/`, { mode: 'no-cors' }),
    create: await request(`${target}/api/session/create`, { method: 'POST', headers: json, body: create }),
    createAsText: await request(`${target}/api/session/create`, { method: 'POST', headers: text, body: create }),
    createWithoutCors: await request(`${target}/api/session/create`, { method: 'POST', mode: 'no-cors', body: create }),
    chatWithoutCors: await request(`${session}/chat`, { method: 'POST', mode: 'no-cors', body: chat }),
    touchWithoutCors: await request(`${session}/touch`, { method: 'POST', mode: 'no-cors' }),
    remove: await request(session, { method: 'DELETE' }),
    image: await load('img', { src: `${session}/export?format=json` }),
    script: await load('script', { src: `${session}/export?format=json` }),
    style: await load('link', { rel: 'stylesheet', href: `${session}/export?format=markdown` }),
    eventSource: await connect(new EventSource(`${session}/chat`, { withCredentials: true })),
    webSocket: await connect(new WebSocket(`${session.replace('http', 'ws')}/chat`)),
    beacon: String(navigator.sendBeacon(`${target}/api/session/create`, create)),
  };
}

// Browsers send the cookie to another port of the same host, because that is the same site, but not from another host.
for (const [kind, host] of [
  ['the same site', '127.0.0.1'],
  ['another site', 'localhost'],
]) {
  test(`a page of another origin on ${kind} neither reads nor changes sessions by scripts`, async ({
    page,
    baseURL,
    chat,
    name,
    expectedErrors,
  }) => {
    expectedErrors.push(/./);
    await page.goto('/');
    await chat.create(name);
    const stored = async () => (await page.request.get(`/api/session/${encodeURIComponent(name)}`)).json();
    const before = await stored();
    const other = await startOtherOrigin(host);
    await page.goto(other.url);
    const outcomes = await page.evaluate(tryEverything, { target: baseURL, user: name });
    expect(Object.entries(outcomes).filter(([what, outcome]) => what !== 'beacon' && outcome !== 'failed')).toEqual([]);
    expect(await stored()).toEqual(before);
    expect(await count(page.request)).toBe(1);
    await other.stop();
  });

  test(`a form of another origin on ${kind} changes nothing`, async ({ page, baseURL, chat, name, expectedErrors }) => {
    expectedErrors.push(/./);
    await page.goto('/');
    await chat.create(name);
    const other = await startOtherOrigin(host);
    // The field is JSON when it is sent as text/plain.
    const forms = [
      ['session/create', '{"user_id":"intruder","metadata":{"x":"', '"}}'],
      [`session/${encodeURIComponent(name)}/chat`, '{"message":"intruder","request_id":"', '"}'],
    ];
    for (const [path, field, value] of forms) {
      await page.goto(other.url);
      const [response] = await Promise.all([
        page.waitForNavigation(),
        page.evaluate(
          ([action, fieldName, fieldValue]) => {
            const form = Object.assign(document.createElement('form'), {
              action,
              method: 'post',
              enctype: 'text/plain',
            });
            const input = Object.assign(document.createElement('input'), { name: fieldName, value: fieldValue });
            form.append(input);
            document.body.append(form);
            form.submit();
          },
          [`${baseURL}/api/${path}`, field, value],
        ),
      ]);
      // Without the cookie, which browsers do not send from another site, the request has no owner.
      expect([401, 403]).toContain(response.status());
    }
    const sessions = (await (await page.request.get('/api/sessions')).json()).sessions;
    expect(sessions.map(({ user_id: user, message_count: messages }) => [user, messages])).toEqual([[name, 0]]);
    await other.stop();
  });
}

test('the page cannot be framed by another origin', async ({ page, baseURL, expectedErrors }) => {
  expectedErrors.push(/frame-ancestors/);
  const other = await startOtherOrigin('127.0.0.1');
  await page.goto(other.url);
  await page.evaluate((src) => document.body.append(Object.assign(document.createElement('iframe'), { src })), baseURL);
  await expect
    .poll(() => page.frames().map((frame) => frame.url()))
    .toEqual([other.url, 'chrome-error://chromewebdata/']);
  await other.stop();
});
