// Fixtures of all specs: the program, a page that must stay free of console errors, and the usual steps of a user.

import { test as base, expect } from '@playwright/test';
import { startFakeServer } from '../fake-server.js';
import { followRequests } from './clock.js';
import { createKillableBrowser } from './killable-browser.js';
import { startNono, startProgram } from './program.js';
import { keepFrames, waitForStableLayout } from './stable-layout.js';

/** Timeout of a reply. A demo reply takes a second or two, and longer on a busy machine. */
const REPLY_TIMEOUT_MS = 15_000;

let names = 0;

export const test = base.extend({
  program: [
    async ({}, use) => {
      const program = await startProgram();
      await use(program);
      await program.stop();
    },
    { scope: 'worker' },
  ],

  baseURL: ({ program }, use) => use(program.url),

  /** Patterns of console errors that a test causes on purpose. A server without personas is allowed: the page has built-in ones. */
  expectedErrors: async ({}, use) => use([/status of (404|501) .*\/api\/personas$/]),

  /** The console errors of all pages of the context. */
  consoleErrors: async ({ expectedErrors }, use) => {
    const errors = [];
    await use(errors);
    const unexpected = errors.filter((error) => !expectedErrors.some((pattern) => pattern.test(error)));
    expect(unexpected, 'the console has no unexpected errors').toEqual([]);
  },

  context: async ({ context, consoleErrors }, use) => {
    await collectErrors(context, consoleErrors);
    followRequests(context);
    await use(context);
    // A handler may still wait for a response, which is of no use when the test has ended.
    for (const routed of [context, ...context.pages()]) await routed.unrouteAll({ behavior: 'ignoreErrors' });
  },

  /** A browser with a profile on disk, which a test can kill and start again. */
  killable: async ({ consoleErrors, expectedErrors, baseURL }, use) => {
    const killable = createKillableBrowser();
    await use({
      ...killable,
      async start(path = '/') {
        const page = await killable.start((context) => collectErrors(context, consoleErrors));
        await page.goto(new URL(path, baseURL).href);
        return new Chat(page, expectedErrors);
      },
    });
    await killable.end();
  },

  /** A user id that no other test of this worker uses. */
  name: async ({}, use, info) => use(`Ada ${info.workerIndex}-${(names += 1)}`),

  chat: async ({ page, expectedErrors }, use) => use(new Chat(page, expectedErrors)),
});

/** The same fixtures on fake-server.js, for replies that must fail in exactly one way. */
export const scripted = test.extend({
  program: [
    async ({}, use) => {
      const program = await startFakeServer();
      await use(program);
      await program.stop();
    },
    { scope: 'worker' },
  ],
});

/** The same fixtures with a program for each test, so that the list has the sessions of the test only. */
export const isolated = test.extend({
  baseURL: async ({}, use) => {
    const program = await startProgram();
    await use(program.url);
    await program.stop();
  },
});

/** The same fixtures on the program with `--auth cookie`, where each browser has sessions of its own. */
export const withCookies = test.extend({
  program: [
    async ({}, use) => {
      const program = await startNono({ auth: 'cookie' });
      await use(program);
      await program.stop();
    },
    { scope: 'worker' },
  ],
});

export { expect };

/** Collects the errors of all pages of a context. */
async function collectErrors(context, errors) {
  await context.addInitScript(keepFrames);
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`securitypolicyviolation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
    });
  });
  const listen = (page) => {
    page.on('pageerror', (error) => errors.push(`pageerror: ${error.stack}`));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
    });
  };
  context.pages().forEach(listen);
  context.on('page', listen);
}

/** The page as a user sees it. */
export class Chat {
  constructor(page, expectedErrors) {
    this.page = page;
    this.expectedErrors = expectedErrors;
    this.newButton = page.getByRole('button', { name: 'New', exact: true });
    this.sessionsButton = page.getByRole('button', { name: 'Sessions', exact: true });
    this.newDialog = page.getByRole('dialog', { name: 'New Session' });
    this.sessionsDialog = page.getByRole('dialog', { name: 'Manage Sessions' });
    this.message = page.getByRole('textbox', { name: 'Message' });
    this.sendButton = page.getByRole('button', { name: 'Send', exact: true });
    this.stopButton = page.getByRole('button', { name: 'Stop', exact: true });
    this.log = page.getByRole('log', { name: 'Conversation' });
    this.rows = this.log.getByRole('article');
    this.user = page.locator('#user-id');
  }

  async create(name, persona) {
    await this.newButton.click();
    await this.newDialog.getByLabel('Display Name').fill(name);
    if (persona) await this.newDialog.getByLabel('Persona').selectOption(persona);
    await this.newDialog.getByRole('button', { name: 'Create Session' }).click();
    await expect(this.newDialog).toBeHidden();
    await expect(this.user).toHaveText(name);
    await expect(this.sendButton).toBeEnabled();
  }

  async send(text) {
    await this.message.fill(text);
    await this.sendButton.click();
  }

  /** Sends a message and waits until it and its reply are stored. */
  async say(text) {
    await this.send(text);
    await expect(this.userMessage(text)).toHaveAttribute('data-state', /sent|stored/);
    await this.replied();
  }

  /** Waits until the newest message is a stored reply. */
  async replied() {
    await expect(this.rows.last()).toHaveAttribute('data-role', 'assistant', { timeout: REPLY_TIMEOUT_MS });
    await expect(this.rows.last()).toHaveAttribute('data-state', 'stored', { timeout: REPLY_TIMEOUT_MS });
  }

  /** Scrolls to the oldest loaded message. Waits first, because the page keeps the end in view while rows grow. */
  async scrollToTop() {
    await waitForStableLayout(this.page);
    await this.log.evaluate((log) => (log.scrollTop = 0));
  }

  /** Returns the messages of the user that contain `text`. */
  userMessage(text) {
    return this.rows.and(this.page.locator('[data-role=user]')).filter({ hasText: text });
  }

  /** Returns the replies that contain `text`. */
  reply(text) {
    return this.rows.and(this.page.locator('[data-role=assistant]')).filter({ hasText: text });
  }

  banner(id) {
    return this.page.locator(`.banner[data-id="${id}"]`);
  }

  /** Returns the rows of the Sessions dialog that contain `name`. */
  row(name) {
    return this.sessionsDialog.getByRole('listitem').filter({ hasText: name });
  }

  /** Returns the link of a row. */
  link(name) {
    return this.row(name).getByRole('link');
  }

  /** Opens the menu of a row. Returns it. */
  async openMenu(name) {
    await this.row(name)
      .getByRole('button', { name: /^Actions for session/ })
      .click();
    return this.page.getByRole('menu');
  }

  /** Chooses an action in the menu of a row. */
  async choose(name, action) {
    const menu = await this.openMenu(name);
    await menu.getByRole('menuitem', { name: action }).click();
  }

  /** Responds to calls whose path matches with an error, `times` times. All other calls reach the program. */
  async failCalls(
    path,
    { status, reason, detail = 'rejected by the test', times = Infinity, method, headers = {}, ...more },
  ) {
    let left = times;
    this.expectedErrors.push(new RegExp(`status of ${status} `));
    await this.page.route(path, (route) => {
      if (left <= 0 || (method && route.request().method() !== method)) return route.fallback();
      left -= 1;
      const body = JSON.stringify({ type: 'about:blank', title: reason, status, reason, detail, ...more });
      return route.fulfill({ status, headers: { 'content-type': 'application/problem+json', ...headers }, body });
    });
  }
}

/** Creates a session with `count` messages over REST. */
export const createFilled = (request, name, count, more) =>
  createStored(
    request,
    name,
    Array.from({ length: count }, (_, index) => [index % 2 ? 'assistant' : 'user', `message ${index + 1} of ${count}`]),
    more,
  );

/** Creates a session with these messages, each `[role, content]`, over REST. */
export async function createStored(request, name, talk, { persona = 'default' } = {}) {
  const create = await request.post('/api/session/create', { data: { user_id: name, persona } });
  expect(create.ok(), await create.text()).toBe(true);
  const messages = talk.map(([role, content]) => ({ role, content }));
  for (let from = 0; from < messages.length; from += 100) {
    const append = await request.post(`/api/session/${encodeURIComponent(name)}/messages`, {
      data: { messages: messages.slice(from, from + 100) },
    });
    expect(append.ok(), await append.text()).toBe(true);
  }
}

/** Creates a promise that a test resolves, to hold a reply. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

/** Collects the request ids of all turns that the page requests. */
export function collectRequestIds(page) {
  const ids = [];
  page.on('request', (request) => request.url().endsWith('/chat') && ids.push(request.postDataJSON().request_id));
  return ids;
}

/** Returns the path of a session in the address bar. */
export const pathOf = (name) => `/?${new URLSearchParams({ session: name })}`;
