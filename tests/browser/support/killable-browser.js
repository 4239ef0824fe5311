// A separate Chromium with a profile on disk, which a test kills (SIGKILL to all its processes) and starts again.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { launchOptions } from '../playwright.config.js';

const START_MS = 15_000;

export function createKillableBrowser() {
  const profile = mkdtempSync(join(tmpdir(), 'nono-profile-'));
  let child = null;

  async function kill() {
    if (!child) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // The process group has the wrapper script, the browser and its renderers.
    process.kill(-child.pid, 'SIGKILL');
    await ended;
    child = null;
  }

  return {
    kill,

    /** Starts a new process on the profile and returns its first page. `prepare` receives the context before a page is loaded. */
    async start(prepare) {
      const flags = [
        ...launchOptions.args,
        '--headless',
        '--remote-debugging-port=0',
        `--user-data-dir=${profile}`,
        'about:blank',
      ];
      child = spawn(launchOptions.executablePath, flags, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
      const browser = await chromium.connectOverCDP(await endpointOf(child));
      const [context] = browser.contexts();
      await prepare(context);
      return context.pages()[0] ?? context.newPage();
    },

    async end() {
      await kill();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

function endpointOf(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(
      () => reject(new Error(`Chromium printed no address within ${START_MS} ms:\n${output}`)),
      START_MS,
    );
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
      const address = /DevTools listening on (ws:\S+)/.exec(output)?.[1];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}
