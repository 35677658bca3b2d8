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
  };
}
