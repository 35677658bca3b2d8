// The real server in the real editor: what a user does with it, from a folder that is not trusted to the record of what was done.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DIFF, EDITOR, INPUT, MENU } from './workbench.mjs';

export function scenarios({ bench, project, state, key }) {
  const { page } = bench;
  const disk = () => readFileSync(join(project, 'bookings.py'), 'utf8');
  const first = disk();
  const fixed = first.replace('start < merged', 'start <= merged');
  const tests = () => (spawnSync('python3', ['-m', 'unittest', '-q'], { cwd: project, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } }).status === 0 ? 'its tests pass' : 'its tests fail');
  const panel = () => page.frameLocator('iframe.webview.ready').frameLocator('#active-frame');
  const idle = () => bench.status('ready');
  const row = (label) => page.locator(`${MENU} .monaco-list-row`, { hasText: label });
  const reviews = page.locator('.tab', { hasText: 'Baton: ' });
  /** A job has begun, or is already where it shows what it found. */
  const begun = async () => (await bench.says('running').isVisible()) || (await reviews.count()) > 0;

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
    await bench.step(`the menu offers ${wanted}`, row(wanted).first(), async () => {
      if (await bench.focus(MENU)) return page.keyboard.press('Escape');
      await bench.open(file, line);
      await page.keyboard.press('Control+.');
    }, 3000);
    return page.locator(`${MENU} .monaco-list-row`).allInnerTexts();
  }

  const unoffered = () => bench.key('Escape', MENU, 'the menu is closed', async () => !(await page.locator(MENU).first().isVisible()));

  /** Chooses what the menu offers at this line. */
  function chosen(file, line, wanted, what, effect) {
    const focused = row(wanted).and(page.locator('.focused'));
    return bench.step(what, effect, async () => {
      await offered(file, line, wanted);
      await bench.until(`${wanted} is in focus`, async () => {
        if ((await focused.count()) > 0 || !(await bench.focus(MENU))) return true;
        await page.keyboard.press('ArrowDown');
        return false;
      });
      if ((await focused.count()) > 0 && (await bench.focus(MENU))) await page.keyboard.press('Enter');
    });
  }

  const fix = () => chosen('bookings.py', 8, 'Fix `merge` with Baton', 'the fix begins', begun);

  async function rejected() {
    await bench.key('Control+Backspace', DIFF, 'the review is closed', async () => (await reviews.count()) === 0);
    await idle();
  }

  return {
    async 'in Restricted Mode nothing runs'() {
      await bench.open('bookings.py', 8);
      await bench.status('Baton: Restricted Mode');
      await bench.type(() => page.keyboard.press('F1'), '>Baton: ', 'Runs View');
      const commands = await page.locator(`${INPUT} .monaco-list-row .label-name`).allInnerTexts();
      await bench.picture('restricted');
      await bench.key('Escape', INPUT, 'the palette is closed', () => bench.unasked());
      return `${servers().length} servers; commands: ${commands.join(' | ')}`;
    },

    async 'once the workspace is trusted the server starts'() {
      const trust = '.workspace-trust-editor';
      await bench.command('Workspaces: Manage Workspace Trust', 'trust can be given', () => bench.focus(trust));
      await bench.key('Control+Enter', trust, 'it is given', page.getByText('You trust this folder'));
      await bench.key('Escape', trust, 'the page is closed', async () => (await page.locator(trust).count()) === 0);
      await bench.open('bookings.py', 8);
      const item = await idle();
      await bench.picture('trusted');
      return `${servers().length} server, ${(await item.innerText()).replaceAll('\u00a0', ' ').trim()}`;
    },

    async 'Baton itself asks before it runs tests'() {
      const menu = await offered('bookings.py', 8, 'Trust this folder');
      await chosen('bookings.py', 8, 'Trust this folder', 'Baton asks', page.locator('.notification-toast', { hasText: 'Do you trust' }).first());
      const toasts = page.locator('.notification-toast');
      await bench.button('Trust this folder', 'it is trusted', toasts.filter({ hasText: 'from now on' }).first());
      await bench.command('Notifications: Clear All Notifications', 'all are gone', async () => (await toasts.count()) === 0);
      return menu.map((row) => row.trim()).join(' | ');
    },

    async 'the menu offers what Baton does here'() {
      const menu = await offered('bookings.py', 8, 'Fix `merge` with Baton');
      await bench.picture('menu');
      // This workbench, unlike a released one, lets every extension use the API that shows what is tagged as a model's.
      const sparkling = await page.locator(`${MENU} .monaco-list-row`, { has: page.locator('.codicon-sparkle') }).allInnerTexts();
      await unoffered();
      const said = (rows) => rows.map((row) => row.trim()).filter((row) => row.includes('Baton')).join(' | ');
      return `${said(menu)}; with the sparkle of AI: ${said(sparkling)}`;
    },

    async 'the lightbulb shows up at a problem'() {
      await bench.open('settings.json', 2, 15);
      await page.locator('.squiggly-error').first().waitFor();
      await page.locator('.editor-group-container.active [class*="codicon-gutter-lightbulb"], .editor-group-container.active .lightBulbWidget:visible').first().waitFor();
      await bench.picture('lightbulb');
      return 'there it is';
    },

    async 'a rejected fix leaves the file'() {
      await fix();
      await bench.review('6 tests passed');
      await bench.picture('fix');
      await rejected();
      return disk() === first ? 'byte for byte' : 'CHANGED';
    },

    async 'an accepted fix is on the disk and passes its tests'() {
      const before = tests();
      await fix();
      await bench.review('6 tests passed');
      await bench.key('Control+Enter', DIFF, 'the fix is on the disk', () => disk() === fixed);
      await idle();
      await bench.picture('fixed');
      return `${before} before; now ${tests()}`;
    },

    async 'one undo restores it byte for byte'() {
      await bench.open('bookings.py', 8);
      await bench.undo('start < merged', () => disk() === first);
      return tests();
    },

    async 'a key reaches the server and nothing else'() {
      const [before] = servers();
      await bench.command('Baton: Set Key…', 'the keys are listed', bench.row('SCRIPTED_KEY'));
      const secret = page.locator(`${INPUT} input[type="password"]`);
      await bench.choose('SCRIPTED_KEY', 'the key is asked for', secret);
      await bench.picture('key');
      await secret.fill(key);
      await bench.key('Enter', INPUT, 'the key is taken', () => bench.unasked());
      const pid = await bench.until('another server runs', () => servers().find((pid) => pid !== before && servers().length === 1));
      await idle();
      const has = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`SCRIPTED_KEY=${key}`);
      const leaked = spawnSync('grep', ['-rlF', key, state, project], { encoding: 'utf8' }).stdout;
      return `${has ? 'in its environment' : 'NOT THERE'}${leaked ? `, and in ${leaked}` : ''}`;
    },

    async 'an edit in words is shown before anything is changed'() {
      await bench.open('bookings.py', 17);
      await bench.instruct('say what it gives');
      await bench.picture('instruction');
      await bench.choose('say what it gives', 'it is sent', () => bench.unasked());
      await bench.review('tests passed');
      const same = disk() === first;
      await rejected();
      return `${same && disk() === first ? 'rejected, byte for byte' : 'CHANGED'}`;
    },

    async 'a part of an edit is verified anew and applied'() {
      await bench.open('bookings.py', 17);
      await bench.instruct('', 'Type an instruction');
      await bench.moveTo('say what it gives');
      await bench.picture('said-before');
      await bench.choose('say what it gives', 'it can be changed', bench.row(/gives.*Edit/));
      await bench.choose('say what it gives', 'it is sent', () => bench.unasked());
      await bench.review('tests passed');
      await bench.key('Control+Shift+Enter', DIFF, 'its parts are listed', page.locator(`${INPUT} .monaco-list-row`, { hasText: 'line 24' }));
      await bench.without('line 24', '1 Selected');
      const wanted = first.replace('    gaps = []', '    gaps: list = []');
      await bench.choose('line 24', 'the part is on the disk', () => disk() === wanted);
      await idle();
      await bench.open('bookings.py', 17);
      await bench.undo('    gaps = []', () => disk() === first);
      return 'asked for in the words of before';
    },

    async 'a question is answered in a panel'() {
      await bench.open('bookings.py', 17);
      const title = page.locator('.quick-input-title', { hasText: 'Baton: Ask' });
      await bench.type(() => bench.command('Baton: Ask…', 'the question can be asked', title), 'what does it give?', 'what does it give?');
      await bench.choose('what does it give?', 'it is sent', () => bench.unasked());
      const frame = panel();
      await frame.getByText('It gives the').waitFor();
      await bench.picture('answer');
      const images = await frame.locator('img').evaluateAll((all) => all.filter((one) => one.naturalWidth > 0).length);
      const titled = await frame.locator('html').evaluate((html) => html.ownerDocument.title);
      await bench.closeTab('Baton: Answer');
      return `${images} pictures from elsewhere, titled ${titled}; ${disk() === first ? 'nothing edited' : 'EDITED'}`;
    },

    async 'cancelling stops it'() {
      await bench.open('bookings.py', 17);
      await bench.instruct('never answered');
      await bench.choose('never answered', 'it is sent', () => bench.unasked());
      const notice = await bench.notice('step 1: scripted begins');
      await bench.status('1 running');
      await bench.picture('progress');
      const words = await notice.locator('.notification-list-item-message').innerText();
      await bench.button('Cancel', 'nothing runs', bench.says('ready'));
      return `${words}; ${disk() === first ? 'nothing changed' : 'CHANGED'}`;
    },

    async 'the picture of a run renders, and may fetch nothing'() {
      const run = page.locator('.pane-body .monaco-list-row', { hasText: 'fix bookings.py' });
      await bench.command('Baton: Show Runs', 'the runs are listed', run.first());
      const labels = await page.locator('.pane-body .monaco-list-row[aria-label*="bookings.py"]').evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-label').replace(/ \u00b7 \$[\d.]+ \u00b7 [\d.]+ s.*/, '')));
      const [list, frame] = ['.pane-body .monaco-list', panel()];
      await bench.step('the picture is shown', frame.locator('svg').first(), async () => {
        // An editor that is just opening takes the focus back.
        if (!(await bench.focus(list))) await bench.command('Baton: Show Runs', 'the list is in focus', () => bench.focus(list));
        await bench.until('the run is in focus', async () => {
          if ((await run.and(page.locator('.focused')).count()) > 0 || !(await bench.focus(list))) return true;
          await page.keyboard.press('ArrowDown');
          return false;
        });
        if (await bench.focus(list)) await page.keyboard.press('Enter');
      });
      await bench.picture('run');
      const policy = await frame.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
      await bench.closeTab('Run ');
      return `${labels.join(' | ')}; ${policy}`;
    },

    async 'the doctor speaks'() {
      await bench.command('Baton: Doctor', 'it speaks', panel().getByText('sandbox').first());
      await bench.picture('doctor');
      await bench.closeTab('Baton: Doctor');
      return 'in a panel';
    },

    async 'a server that dies is started again, and no text is lost'() {
      await bench.open('bookings.py', 13);
      await bench.key('#', EDITOR, 'it is typed', async () => (await bench.shown()).split('\n')[12] === '#');
      const [pid] = servers();
      process.kill(pid, 'SIGKILL');
      await bench.notice('was started again');
      await idle();
      await bench.picture('restarted');
      const lines = first.split('\n');
      lines[12] = '#';
      await bench.open('bookings.py', 13, 2);
      await bench.save(() => disk() === lines.join('\n'));
      await bench.undo('return merged\n\n\n', () => disk() === first);
      return servers().length === 1 && servers()[0] !== pid ? 'another process' : `servers: ${servers()}`;
    },
  };
}
