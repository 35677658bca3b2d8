// The real server in the real editor: what a user does with it, from a folder that is not trusted to the record of what was done.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export function scenarios({ bench, project, state, key }) {
  const { page } = bench;
  const disk = () => readFileSync(join(project, 'bookings.py'), 'utf8');
  const first = disk();
  const fixed = first.replace('start < merged', 'start <= merged');
  const tests = () => (spawnSync('python3', ['-m', 'unittest', '-q'], { cwd: project, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } }).status === 0 ? 'its tests pass' : 'its tests fail');
  const button = (name) => page.locator('.notification-toast').getByRole('button', { name }).first();
  const press = async (name) => { await button(name).waitFor(); await button(name).press('Enter'); };
  const panel = () => page.frameLocator('iframe.webview.ready').frameLocator('#active-frame');
  const idle = () => bench.status('ready');
  const reviewed = (verdict) => bench.review(verdict);

  /** Processes of the server that this editor brought. */
  function servers() {
    return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
      try {
        const own = readlinkSync(`/proc/${pid}/exe`).startsWith(join(state, 'extensions'));
        return own && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0lsp\0');
      } catch {
        return false;
      }
    }).map(Number);
  }

  /** What the menu of code actions offers at this line. */
  async function offered(file, line, wanted) {
    await bench.open(file, line);
    const row = page.locator('.action-widget .monaco-list-row', { hasText: wanted });
    await bench.until(`the menu offers ${wanted}`, async () => {
      if (!(await page.locator('.action-widget').first().isVisible())) await bench.press('Control+.');
      return row.first().waitFor({ timeout: 3000 }).then(() => true, async () => { await bench.press('Escape'); return false; });
    });
    return page.locator('.action-widget .monaco-list-row').allInnerTexts();
  }

  /** Chooses the focused code action, or moves to the wanted one before. */
  async function chosen(wanted) {
    await bench.until(`${wanted} is in focus`, async () => {
      const focused = page.locator('.action-widget .monaco-list-row.focused', { hasText: wanted });
      if (await focused.isVisible()) return true;
      await bench.press('ArrowDown');
      return false;
    });
    await bench.press('Enter');
  }

  const instruct = (words) => bench.type(['Control+k', 'b'], words, words);

  return {
    async 'in Restricted Mode nothing runs'() {
      await bench.open('bookings.py', 8);
      await bench.status('Baton: Restricted Mode');
      await bench.press('F1');
      await page.locator('.quick-input-widget input:visible').first().fill('>Baton: ');
      const rows = page.locator('.quick-input-widget .monaco-list-row');
      await rows.filter({ hasText: 'Runs View' }).waitFor();
      const commands = await rows.locator('.label-name').allInnerTexts();
      await bench.picture('restricted');
      await bench.press('Escape');
      return `${servers().length} servers; commands: ${commands.join(' | ')}`;
    },

    async 'once the workspace is trusted the server starts'() {
      await bench.command('Workspaces: Manage Workspace Trust');
      await page.locator('.workspace-trust-editor').waitFor();
      await bench.press('Control+Enter');
      await page.getByText('You trust this folder').waitFor();
      await bench.press('Escape');
      await bench.open('bookings.py', 8);
      const item = await idle();
      await bench.picture('trusted');
      return `${servers().length} server, ${(await item.innerText()).replaceAll('\u00a0', ' ').trim()}`;
    },

    async 'Baton itself asks before it runs tests'() {
      const menu = await offered('bookings.py', 8, 'Trust this folder');
      await chosen('Trust this folder');
      await press('Trust this folder');
      await bench.notice('from now on');
      await bench.command('Notifications: Clear All Notifications');
      return menu.map((row) => row.trim()).join(' | ');
    },

    async 'the menu offers what Baton does here'() {
      const menu = await offered('bookings.py', 8, 'Fix `merge` with Baton');
      await bench.picture('menu');
      await bench.press('Escape');
      return menu.map((row) => row.trim()).filter((row) => row.includes('Baton')).join(' | ');
    },

    async 'the lightbulb shows up at a problem'() {
      await bench.open('settings.json', 2, 15);
      await page.locator('.squiggly-error').first().waitFor();
      await page.locator('.editor-group-container.active [class*="codicon-gutter-lightbulb"], .editor-group-container.active .lightBulbWidget:visible').first().waitFor();
      await bench.picture('lightbulb');
      return 'there it is';
    },

    async 'a rejected fix leaves the file'() {
      await offered('bookings.py', 8, 'Fix `merge` with Baton');
      await chosen('Fix `merge` with Baton');
      await reviewed('6 tests passed');
      await bench.picture('fix');
      await bench.press('Control+Backspace');
      await idle();
      return disk() === first ? 'byte for byte' : 'CHANGED';
    },

    async 'an accepted fix is on the disk and passes its tests'() {
      await offered('bookings.py', 8, 'Fix `merge` with Baton');
      const before = tests();
      await chosen('Fix `merge` with Baton');
      await reviewed('6 tests passed');
      await bench.press('Control+Enter');
      await bench.until('the fix is on the disk', () => disk() === fixed);
      await idle();
      await bench.picture('fixed');
      return `${before} before; now ${tests()}`;
    },

    async 'one undo restores it byte for byte'() {
      await bench.open('bookings.py', 8);
      await bench.press('Control+z', 'Control+s');
      await bench.until('the disk is as before', () => disk() === first);
      return tests();
    },

    async 'a key reaches the server and nothing else'() {
      const [before] = servers();
      await bench.command('Baton: Set Key…');
      await bench.choose('SCRIPTED_KEY');
      await page.locator('.quick-input-widget input[type="password"]').waitFor();
      await bench.picture('key');
      await page.locator('.quick-input-widget input[type="password"]').fill(key);
      await bench.press('Enter');
      const pid = await bench.until('another server runs', () => servers().find((pid) => pid !== before && servers().length === 1));
      await idle();
      const has = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`SCRIPTED_KEY=${key}`);
      const leaked = spawnSync('grep', ['-rlF', key, state, project], { encoding: 'utf8' }).stdout;
      return `${has ? 'in its environment' : 'NOT THERE'}${leaked ? `, and in ${leaked}` : ''}`;
    },

    async 'an edit in words is shown before anything is changed'() {
      await bench.open('bookings.py', 17);
      await instruct('say what it gives');
      await bench.picture('instruction');
      await bench.press('Enter');
      await reviewed('tests passed');
      const same = disk() === first;
      await bench.press('Control+Backspace');
      await idle();
      return `${same && disk() === first ? 'rejected, byte for byte' : 'CHANGED'}`;
    },

    async 'a part of an edit is verified anew and applied'() {
      await bench.open('bookings.py', 17);
      await bench.type(['Control+k', 'b'], '', 'Type an instruction');
      const said = page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: 'say what it gives' });
      await bench.until('what was said before is in focus', async () => {
        if (await said.isVisible()) return true;
        await bench.press('ArrowDown');
        return false;
      });
      await bench.picture('said-before');
      await bench.press('Enter');
      await page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: /gives.*Edit/ }).waitFor();
      await bench.press('Enter');
      await reviewed('tests passed');
      await bench.press('Control+Shift+Enter');
      await page.locator('.quick-input-widget .monaco-list-row', { hasText: 'line 24' }).waitFor();
      await bench.press('ArrowDown', 'ArrowDown', 'Space');
      await page.locator('.quick-input-widget .quick-input-count', { hasText: '1 Selected' }).waitFor();
      await bench.press('Enter');
      const wanted = first.replace('    gaps = []', '    gaps: list = []');
      await bench.until('the part is on the disk', () => disk() === wanted);
      await idle();
      await bench.press('Control+z', 'Control+s');
      await bench.until('the disk is as before', () => disk() === first);
      return 'asked for in the words of before';
    },

    async 'a question is answered in a panel'() {
      await bench.open('bookings.py', 17);
      await bench.command('Baton: Ask…');
      await bench.choose('what does it give?');
      const frame = panel();
      await frame.getByText('It gives the').waitFor();
      await bench.picture('answer');
      const images = await frame.locator('img').evaluateAll((all) => all.filter((one) => one.naturalWidth > 0).length);
      const title = await frame.locator('html').evaluate((html) => html.ownerDocument.title);
      await bench.press('Control+w');
      return `${images} pictures from elsewhere, titled ${title}; ${disk() === first ? 'nothing edited' : 'EDITED'}`;
    },

    async 'cancelling stops it'() {
      await bench.open('bookings.py', 17);
      await instruct('never answered');
      await bench.press('Enter');
      const notice = await bench.notice('step 1: scripted begins');
      await bench.status('1 running');
      await bench.picture('progress');
      const words = await notice.locator('.notification-list-item-message').innerText();
      await press('Cancel');
      await idle();
      return `${words}; ${disk() === first ? 'nothing changed' : 'CHANGED'}`;
    },

    async 'the picture of a run renders, and may fetch nothing'() {
      await bench.command('Baton: Show Runs');
      const row = page.locator('.pane-body .monaco-list-row', { hasText: 'fix bookings.py' });
      await row.first().waitFor();
      const labels = await page.locator('.pane-body .monaco-list-row[aria-label*="bookings.py"]').evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-label').replace(/ \u00b7 \$[\d.]+ \u00b7 [\d.]+ s.*/, '')));
      await bench.until('the run is in focus', async () => {
        if (await row.and(page.locator('.focused')).count()) return true;
        // An editor that is just opening takes the focus back.
        if (await page.locator('.pane-body .monaco-list:focus').count()) await bench.press('ArrowDown');
        else await bench.command('Baton: Show Runs');
        return false;
      });
      await bench.press('Enter');
      const frame = panel();
      await frame.locator('svg').first().waitFor();
      await bench.picture('run');
      const policy = await frame.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
      await bench.press('Control+w');
      return `${labels.join(' | ')}; ${policy}`;
    },

    async 'the doctor speaks'() {
      await bench.command('Baton: Doctor');
      await panel().getByText('sandbox').first().waitFor();
      await bench.picture('doctor');
      await bench.press('Control+w');
      return 'in a panel';
    },

    async 'a server that dies is started again, and no text is lost'() {
      await bench.open('bookings.py', 13);
      await bench.press('#');
      const [pid] = servers();
      process.kill(pid, 'SIGKILL');
      await bench.notice('was started again');
      await idle();
      await bench.picture('restarted');
      await bench.press('Control+s');
      const lines = first.split('\n');
      lines[12] = '#';
      await bench.until('the text that was typed is on the disk', () => disk() === lines.join('\n'));
      await bench.press('Control+z', 'Control+s');
      await bench.until('the disk is as before', () => disk() === first);
      return servers().length === 1 && servers()[0] !== pid ? 'another process' : `servers: ${servers()}`;
    },
  };
}
