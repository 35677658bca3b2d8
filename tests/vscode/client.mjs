// What the extension does by itself, with a server that says what it is told to: reviews, applying, and keystrokes in between.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaced, sha256 } from './scripted.mjs';
import { DIALOG, DIFF, EDITOR, INPUT } from './workbench.mjs';

/** How many keystrokes race with an edit. */
const RACES = 200;

export function scenarios({ bench, scripted, project }) {
  const path = (name) => join(project, name);
  const uri = (name) => `file://${path(name)}`;
  const disk = (name) => readFileSync(path(name), 'utf8');
  const shown = (name) => scripted.texts.get(uri(name));
  const request = (method, params) => scripted.connection.sendRequest(method, params);
  const hunk = (text, line, newText) => ({ range: { start: { line, character: 0 }, end: { line, character: text.split('\n')[line].length } }, newText });
  const status = (jobs) => scripted.connection.sendNotification('baton/status', { tier: 'mini', jobs, spentTodayUsd: 0.0123 });
  let jobs = 0;

  /** A file's part of a review: whole lines replaced. */
  function file(name, lines, more = {}) {
    const before = disk(name);
    return { uri: uri(name), fate: 'kept', before, after: replaced(before, lines), hunks: lines.map(([line, text]) => hunk(before, line, text)), ...more };
  }

  /** Asks for a review; gives its answer as it comes. */
  function review(files, more = {}) {
    const job = `baton/review-${++jobs}`;
    return { job, answer: request('baton/review', { job, label: `Baton: edit ${jobs}`, verified: true, verdict: 'parsed · python · 6 tests passed', message: 'it passes', usd: 0.0012, ms: 900, run: 'mwx98evg7n', files, ...more }) };
  }

  const dismiss = (job) => scripted.connection.sendNotification('baton/dismiss', { job });
  const named = (wanted) => wanted && wanted.files.map((one) => (one.text === undefined ? one.uri.split('/').at(-1) : `${one.uri.split('/').at(-1)} in part`)).join(', ');
  // Titles have the review's number: the tab of the one before may still be closing.
  const inFront = () => bench.review(`edit ${jobs}:`);
  const came = (promise) => {
    let done = false;
    void promise.finally(() => { done = true; });
    return () => done;
  };
  const gone = () => bench.page.locator('.tab', { hasText: `edit ${jobs}:` }).waitFor({ state: 'detached' });

  return {
    async 'the client says what it can'() {
      await scripted.until('the client connects', () => scripted.connection);
      await bench.open('bookings.py', 13);
      await scripted.until('the file is open', () => shown('bookings.py'));
      status(0);
      const item = await bench.status('Baton mini · ready · $0.0123 today');
      const label = await item.locator('[aria-label*="tier mini"]').first().getAttribute('aria-label');
      return `${JSON.stringify(scripted.announced.client)}, ${label}`;
    },

    async 'an edit of one file is a diff, accepted by a key'() {
      const { job, answer } = review([file('bookings.py', [[0, '"""One."""'], [5, '    merged = list()']])]);
      await bench.notice('6 tests passed ($0.0012, run mwx98evg7n)');
      await inFront();
      await bench.picture('review-one-file');
      await bench.key('Control+Enter', DIFF, 'it is accepted', came(answer));
      const wanted = named(await answer);
      dismiss(job);
      await gone();
      return wanted;
    },

    async 'an unverified edit is applied only after a question'() {
      const { job, answer } = review([file('bookings.py', [[0, '"""One."""']])], { verified: false, verdict: 'parsed', message: 'no test reaches it' });
      await bench.notice('Nothing could verify this edit: no test reaches it');
      await inFront();
      const question = bench.page.locator(DIALOG, { hasText: 'no test reaches it' });
      await bench.key('Control+Enter', DIFF, 'the question comes', question);
      await bench.picture('review-unverified');
      await bench.key('Escape', DIALOG, 'the question goes', async () => (await question.count()) === 0);
      await inFront();
      await bench.key('Control+Enter', DIFF, 'the question comes again', question.getByRole('button', { name: 'Apply Unverified Edit' }));
      await bench.key('Enter', DIALOG, 'it is accepted', came(answer));
      const wanted = named(await answer);
      dismiss(job);
      await gone();
      return wanted;
    },

    async 'parts of an edit of several files are chosen by keys'() {
      const { answer } = review([file('bookings.py', [[0, '"""One."""'], [5, '    merged = list()']]), file('test_bookings.py', [[0, 'import unittest as u']])]);
      await bench.notice('6 tests passed');
      await inFront();
      await bench.picture('review-several-files');
      const parts = bench.page.locator(`${INPUT} .monaco-list-row`, { hasText: 'line 1' });
      await bench.key('Control+Shift+Enter', DIFF, 'its parts are listed', parts.first());
      await bench.without('One.', '2 Selected');
      await bench.without('unittest as u', '1 Selected');
      await bench.picture('review-parts');
      await bench.choose('unittest as u', 'the choice is made', came(answer));
      const wanted = await answer;
      const [one] = wanted.files;
      const right = one.text === replaced(disk('bookings.py'), [[5, '    merged = list()']]);
      return `${named(wanted)}, ${right ? 'with the chosen hunk alone' : one.text}`;
    },

    async 'closing the diff wants none of it, and so does the key'() {
      const closed = review([file('bookings.py', [[0, '"""One."""']])]);
      await inFront();
      await bench.key('Control+w', DIFF, 'it is answered', came(closed.answer));
      const rejected = review([file('bookings.py', [[0, '"""One."""']])]);
      await inFront();
      await bench.key('Control+Backspace', DIFF, 'it is answered', came(rejected.answer));
      return `${await closed.answer}, ${await rejected.answer}`;
    },

    async 'a review that the server takes back is closed'() {
      const { job, answer } = review([file('bookings.py', [[0, '"""One."""']])]);
      await inFront();
      dismiss(job);
      const wanted = await answer;
      await gone();
      return `${wanted}`;
    },

    async 'a key that is pressed twice accepts one edit'() {
      const other = review([file('test_bookings.py', [[0, 'import unittest as u']])]);
      await inFront();
      const { job, answer } = review([file('bookings.py', [[0, '"""One."""']])]);
      await inFront();
      await bench.key('Control+Enter', DIFF, 'it is accepted', came(answer));
      // Its diff is there until the edit is applied.
      await bench.page.keyboard.press('Control+Enter');
      dismiss(job);
      await gone();
      await bench.review(`edit ${jobs - 1}:`);
      await bench.key('Control+Backspace', DIFF, 'the other is rejected', came(other.answer));
      return `${named(await answer)}, ${await other.answer}`;
    },

    async 'the buttons of its notification are reached by keys'() {
      const accepted = review([file('bookings.py', [[0, '"""One."""']])]);
      await bench.notice(`edit ${jobs}:`);
      await inFront();
      await bench.command('Notifications: Accept Notification Primary Action', 'it is accepted', came(accepted.answer));
      const wanted = named(await accepted.answer);
      dismiss(accepted.job);
      await gone();
      const { answer } = review([file('bookings.py', [[0, '"""One."""']])]);
      await bench.notice(`edit ${jobs}:`);
      await inFront();
      const toasts = '.notifications-toasts';
      await bench.step('it is answered', came(answer), async () => {
        await bench.command('Notifications: Focus Notification Toast', 'the notification has the focus', () => bench.focus(toasts));
        const focused = () => bench.page.evaluate(() => document.activeElement?.textContent);
        await bench.until('Reject has the focus', async () => {
          if ((await focused()) === 'Reject' || !(await bench.focus(toasts))) return true;
          await bench.page.keyboard.press('Tab');
          return false;
        });
        if ((await focused()) === 'Reject') await bench.page.keyboard.press('Enter');
      });
      return `${wanted}, ${await answer}`;
    },

    async 'an edit that moves and deletes files is shown, applied and taken back as one'() {
      const first = disk('bookings.py');
      writeFileSync(path('old.py'), 'old = 1\n');
      writeFileSync(path('gone.py'), 'gone = 1\n');
      const files = [file('bookings.py', [[0, '"""One."""']]), file('old.py', [], { fate: 'moved', newUri: uri('new.py') }), { ...file('gone.py', []), fate: 'deleted', after: '' }];
      const { job, answer } = review(files);
      await inFront();
      await bench.key('Control+Shift+Enter', DIFF, 'its parts are listed', bench.page.locator(`${INPUT} .monaco-list-row`, { hasText: 'gone.py is deleted' }));
      await bench.picture('review-moved');
      await bench.moveTo('old.py is moved');
      await bench.choose('old.py is moved', 'it is accepted', came(answer));
      const sent = scripted.applies([[uri('bookings.py'), first, 0, '"""One."""']], job);
      sent.edit.documentChanges.push({ kind: 'rename', oldUri: uri('old.py'), newUri: uri('new.py') }, { kind: 'delete', uri: uri('gone.py') });
      sent.texts.push({ uri: uri('old.py'), sha256: sha256('old = 1\n') }, { uri: uri('new.py'), sha256: null }, { uri: uri('gone.py'), sha256: sha256('gone = 1\n') });
      const { applied, failureReason } = await request('baton/apply', sent);
      const there = () => ['old.py', 'new.py', 'gone.py'].filter((name) => existsSync(path(name))).join(' ');
      await bench.until('the text is on the disk', () => disk('bookings.py') === replaced(first, [[0, '"""One."""']]));
      const after = there();
      await bench.open('bookings.py', 13);
      await bench.key('Control+z', EDITOR, 'all is as it was', () => shown('bookings.py') === first && there() === 'old.py gone.py');
      await bench.save(() => disk('bookings.py') === first);
      const same = disk('old.py') === 'old = 1\n' && disk('gone.py') === 'gone = 1\n';
      rmSync(path('old.py'));
      rmSync(path('gone.py'));
      return `${named(await answer)}; applied: ${applied}${failureReason ?? ''}, then there is ${after}; ${same ? 'then byte for byte as before' : 'CHANGED'}`;
    },

    async 'an edit of an open, a closed and a new file is applied, saved and taken back as one'() {
      const [first, second] = [disk('bookings.py'), disk('test_bookings.py')];
      const sent = scripted.applies([[uri('bookings.py'), first, 0, '"""One."""'], [uri('test_bookings.py'), second, 0, 'import unittest as u']]);
      const made = { textDocument: { uri: uri('made.py'), version: null }, edits: [{ range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } }, newText: 'x = 1\n' }] };
      sent.edit.documentChanges = [{ kind: 'create', uri: uri('made.py') }, ...sent.edit.documentChanges, made];
      sent.texts.push({ uri: uri('made.py'), sha256: null });
      const { applied } = await request('baton/apply', sent);
      const after = [replaced(first, [[0, '"""One."""']]), replaced(second, [[0, 'import unittest as u']])];
      await bench.until('all three are on the disk', () => disk('bookings.py') === after[0] && disk('test_bookings.py') === after[1] && existsSync(path('made.py')) && disk('made.py') === 'x = 1\n');
      await bench.open('bookings.py', 13);
      await bench.key('Control+z', EDITOR, 'the buffers are as they were', () => shown('bookings.py') === first && shown('test_bookings.py') === second && !existsSync(path('made.py')));
      await bench.command('File: Save All Files', 'the disk is as it was', () => disk('bookings.py') === first && disk('test_bookings.py') === second);
      return `applied: ${applied}, then byte for byte as before`;
    },

    async 'all problems of a file are named to the server'() {
      await bench.open('settings.json', 2);
      await bench.page.locator('.squiggly-error').first().waitFor();
      await bench.command('Baton: Fix All Problems in File', 'the command arrives', () => scripted.commands.length > 0);
      const [{ command, argument }] = scripted.commands;
      return `${command} of ${argument.textDocument.uri.split('/').at(-1)}: ${argument.diagnostics.join(', ')}`;
    },

    async 'a tier and a test are chosen, and sent with the words'() {
      const before = scripted.commands.length;
      await bench.open('bookings.py', 17);
      await bench.instruct('be quick');
      await bench.moveTo('Tier: as the settings say');
      await bench.choose('Tier:', 'the tiers are listed', bench.page.locator('.quick-input-title', { hasText: 'which tier decides' }));
      await bench.moveTo('ultra');
      const line = (text) => bench.page.locator(`${INPUT} .monaco-list-row`, { hasText: text });
      await bench.choose('ultra', 'the input is back', line('Tier: ultra'));
      await bench.moveTo('Test: found by itself');
      const asked = bench.page.locator('.quick-input-title', { hasText: 'which command tests it' });
      await bench.choose('Test:', 'the test is asked for', asked);
      await bench.page.locator(`${INPUT} input:visible`).first().fill('python3 -m unittest -q');
      await bench.key('Enter', INPUT, 'the input is back', line('Test: python3 -m unittest -q'));
      await bench.picture('tier-and-test');
      await bench.choose('be quick', 'the command arrives', () => scripted.commands.length > before);
      const { command, argument: { instruction, tier, test } } = scripted.commands.at(-1);
      return `${command}: ${instruction}, ${tier}, ${test}`;
    },

    async 'a refactoring is asked for in words'() {
      const before = scripted.commands.length;
      await bench.open('bookings.py', 17);
      const title = bench.page.locator('.quick-input-title', { hasText: 'Baton: Refactor bookings.py' });
      await bench.type(() => bench.command('Baton: Refactor…', 'the words are asked for', title), 'one loop', 'one loop');
      await bench.choose('one loop', 'the command arrives', () => scripted.commands.length > before);
      const { command, argument: { instruction, range } } = scripted.commands.at(-1);
      return `${command} at line ${range.start.line + 1}: ${instruction}`;
    },

    async 'what runs is stopped by a command'() {
      const job = 'baton/stopped';
      await request('window/workDoneProgress/create', { token: job });
      const tell = (value) => scripted.connection.sendNotification('$/progress', { token: job, value });
      tell({ kind: 'begin', title: 'Baton: fix `free`', cancellable: true });
      tell({ kind: 'report', message: 'step 1: scripted begins' });
      status(1);
      await bench.status('1 running');
      await bench.notice('step 1: scripted begins');
      await bench.command('Baton: Stop', 'the server is told', () => scripted.stopped.includes(job));
      tell({ kind: 'end', message: 'cancelled' });
      status(0);
      await bench.status('ready');
      const toast = bench.page.locator('.notification-toast', { hasText: 'step 1' });
      await bench.until('its notification is gone', async () => (await toast.count()) === 0);
      return scripted.stopped.join();
    },

    async 'where only unverified edits are to be shown, a verified one is taken at once'() {
      const one = [file('bookings.py', [[0, '"""One."""']])];
      const taken = async () => {
        const { job, answer } = review(one);
        const [done, tab] = [came(answer), bench.page.locator('.tab', { hasText: `edit ${jobs}:` })];
        await bench.until('it is taken or shown', async () => done() || tab.isVisible());
        if (done()) return named(await answer);
        dismiss(job);
        await gone();
        return undefined;
      };
      // The settings hold when the editor has seen that they changed.
      bench.machine({ 'baton.preview': 'unverified' });
      const wanted = await bench.until('it is taken', taken);
      const shown = [];
      for (const more of [{ verified: false }, { files: [{ ...one[0], asked: 'it can run code' }] }]) {
        const { answer } = review(one, more);
        await inFront();
        await bench.key('Control+Backspace', DIFF, 'it is answered', came(answer));
        shown.push(`${await answer}`);
        await gone();
      }
      bench.machine({ 'baton.preview': 'always' });
      await bench.until('it is shown again', async () => !(await taken()));
      return `${wanted}; shown and rejected where unverified or asked about: ${shown.join(', ')}`;
    },

    async 'the walkthrough opens'() {
      const page = bench.page.locator('.gettingStartedContainer', { hasText: 'A First Verified Edit' });
      await bench.command('Welcome: Open Walkthrough...', 'the walkthroughs are listed', bench.page.locator(`${INPUT} .monaco-list-row`, { hasText: 'A First Verified Edit' }));
      await bench.moveTo('A First Verified Edit');
      await bench.choose('A First Verified Edit', 'it opens', page);
      const steps = page.locator('.getting-started-step .step-title');
      await steps.nth(3).waitFor();
      const titles = await steps.allInnerTexts();
      await bench.picture('walkthrough');
      await bench.closeTab('Welcome');
      return titles.join(' | ');
    },

    async 'accepting an edit changes the text'() {
      // Clocks of the page and of this process are the machine's: the driver's own time on the way to the page is not part of it.
      await bench.page.evaluate(() => addEventListener('keydown', ({ key }) => { if (key === 'Enter') globalThis.accepted = Date.now(); }, true));
      const times = [];
      for (let round = 0; round < 5; round += 1) {
        const lines = [[0, `"""Accepted ${round}."""`]];
        const after = replaced(shown('bookings.py'), lines);
        const { job, answer } = review([file('bookings.py', lines)]);
        const sent = scripted.applies([[uri('bookings.py'), shown('bookings.py'), ...lines[0]]], job);
        const answered = answer.then(() => request('baton/apply', sent));
        await inFront();
        const changed = scripted.until('the text is changed', () => shown('bookings.py') === after).then(() => Date.now());
        await bench.key('Control+Enter', DIFF, 'the text is changed', () => shown('bookings.py') === after);
        times.push((await changed) - (await bench.page.evaluate(() => globalThis.accepted)));
        await answered;
        await gone();
        await bench.until('it is on the disk', () => disk('bookings.py') === after);
      }
      console.error(`from the key that accepts to the changed text at the server, in ms: ${times.join(' ')}`);
      return 'the same text in the editor and on the disk';
    },

    async 'a stale edit is refused whole'() {
      const [first, second] = [disk('bookings.py'), disk('test_bookings.py')];
      const edits = [[uri('bookings.py'), first, 0, '"""One."""'], [uri('test_bookings.py'), second, 0, 'import unittest as u']];
      const stale = async (change) => {
        const sent = scripted.applies(edits);
        change(sent);
        return (await request('baton/apply', sent)).failureReason?.split(',')[0];
      };
      const text = await stale((sent) => { sent.texts[1].sha256 = sha256('other'); });
      writeFileSync(path('made.py'), 'mine = True\n');
      const there = await stale((sent) => {
        sent.edit.documentChanges.unshift({ kind: 'create', uri: uri('made.py') });
        sent.texts.push({ uri: uri('made.py'), sha256: null });
      });
      const kept = disk('made.py');
      rmSync(path('made.py'));
      const missing = await stale((sent) => { sent.texts.push({ uri: uri('made.py'), sha256: sha256('') }); });
      const same = shown('bookings.py') === first && disk('test_bookings.py') === second && kept === 'mine = True\n';
      return `${[text, there, missing].join(' · ')}; ${same ? 'nothing changed' : 'CHANGED'}`;
    },

    async [`${RACES} keystrokes race with an edit`]() {
      await bench.open('bookings.py', 13);
      let [applied, refused, took] = [0, 0, 30];
      for (let round = 0; round < RACES; round += 1) {
        const [first, second] = [shown('bookings.py'), shown('test_bookings.py') ?? disk('test_bookings.py')];
        const edits = [[uri('bookings.py'), first, 0, `"""Round ${round}."""`], [uri('bookings.py'), first, 5, `    merged = []  # ${round}`], [uri('test_bookings.py'), second, 0, `import unittest  # ${round}`]];
        const typed = (text) => replaced(text, [[12, `${text.split('\n')[12]}x`]]);
        const begun = performance.now();
        const answer = request('baton/apply', scripted.applies(edits));
        // The moments are spread over the time that an edit takes, so that every step of it is hit.
        await new Promise((next) => setTimeout(next, ((round * 7) % 20) * took / 20));
        await bench.page.keyboard.press('x');
        const result = await answer;
        took = (took * 9 + Math.min(performance.now() - begun, 200)) / 10;
        const [lines, other] = [[[0, `"""Round ${round}."""`], [5, `    merged = []  # ${round}`]], replaced(second, [[0, `import unittest  # ${round}`]])];
        const wanted = result.applied ? [typed(replaced(first, lines)), other] : [typed(first), second];
        const now = () => [shown('bookings.py'), shown('test_bookings.py') ?? disk('test_bookings.py')];
        await scripted.until('both the edit and the key have arrived', () => now().join('\0') === wanted.join('\0')).catch(() => {
          throw new Error(`round ${round}, applied: ${result.applied}: a mixture: ${JSON.stringify(now())}`);
        });
        if (result.applied) applied += 1;
        else refused += 1;
      }
      console.error(`${applied} applied before or after the keystroke, ${refused} refused because of it, ${took.toFixed(0)} ms each`);
      return 'always the old or the new text, with the keystroke, in both files';
    },

    async 'a server that is replaced is started again when the user says so, and no text is lost'() {
      await bench.open('bookings.py', 13);
      const before = shown('bookings.py');
      await bench.page.keyboard.press('End');
      await bench.key('#', EDITOR, 'it is typed', () => shown('bookings.py') !== before);
      const [typed, old] = [shown('bookings.py'), scripted.connection];
      scripted.replace();
      await bench.notice('program was replaced');
      await bench.picture('replaced');
      await bench.button('Restart', 'another server has the text', () => scripted.connection !== old && shown('bookings.py') === typed);
      return typed.split('\n')[12].endsWith('#') ? 'what was typed is there' : 'LOST';
    },
  };
}
