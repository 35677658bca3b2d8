// A language server that says what a test tells it to: the extension starts a small program that connects to it.

import { createHash } from 'node:crypto';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';

const repository = new URL('../..', import.meta.url).pathname;
const require = createRequire(join(repository, 'editors/vscode/package.json'));
const rpc = require('vscode-jsonrpc/node');

export const sha256 = (text) => createHash('sha256').update(text).digest('hex');

const CAPABILITIES = { textDocumentSync: 2, executeCommandProvider: { commands: ['baton.fix', 'baton.edit', 'baton.refactor', 'baton.ask', 'baton.trust'] } };

export class Scripted {
  /** What the editor has open, by URI, as it told us. */
  texts = new Map();
  commands = [];
  /** The jobs that the editor wanted to be stopped. */
  stopped = [];
  #listeners = new Set();
  #jobs = 0;

  /** Listens in this folder; `program` is what the extension is to start. */
  static async listen(folder) {
    const scripted = new Scripted();
    const socket = join(folder, 'scripted.socket');
    scripted.program = join(folder, 'scripted');
    const pipe = "const s=require('net').connect(process.argv[1]);process.stdin.pipe(s);s.pipe(process.stdout)";
    scripted.text = `#!/bin/sh\n[ "$1" = lsp ] || { echo '[]'; exit; }\nexec '${process.execPath}' -e "${pipe}" '${socket}'\n`;
    scripted.replace();
    scripted.server = createServer((stream) => scripted.#serve(stream)).listen(socket);
    return scripted;
  }

  /** Puts another program into its place, as an upgrade does. */
  replace() {
    writeFileSync(`${this.program}.new`, this.text);
    chmodSync(`${this.program}.new`, 0o755);
    renameSync(`${this.program}.new`, this.program);
  }

  #serve(stream) {
    const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(stream), new rpc.StreamMessageWriter(stream));
    const changed = () => { for (const listener of this.#listeners) listener(); };
    this.texts.clear();
    connection.onRequest('initialize', ({ initializationOptions }) => {
      this.announced = initializationOptions;
      return { capabilities: CAPABILITIES };
    });
    connection.onNotification('initialized', () => { this.connection = connection; changed(); });
    connection.onNotification('textDocument/didOpen', ({ textDocument: { uri, text } }) => { this.texts.set(uri, text); changed(); });
    connection.onNotification('textDocument/didChange', ({ textDocument: { uri }, contentChanges }) => { this.texts.set(uri, contentChanges.reduce(changedBy, this.texts.get(uri))); changed(); });
    connection.onNotification('textDocument/didClose', ({ textDocument: { uri } }) => { this.texts.delete(uri); changed(); });
    connection.onRequest('workspace/executeCommand', ({ command, arguments: [argument] }) => { this.commands.push({ command, argument }); changed(); return { job: `baton/${++this.#jobs}` }; });
    connection.onNotification('window/workDoneProgress/cancel', ({ token }) => { this.stopped.push(token); changed(); });
    connection.onRequest('shutdown', () => null);
    connection.onNotification('exit', () => stream.end());
    connection.listen();
  }

  /** Waits until it is so, looking again whenever the editor says something. */
  until(what, condition) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => { this.#listeners.delete(look); reject(new Error(`it never came that ${what}`)); }, 60_000);
      const look = () => {
        if (!condition()) return;
        clearTimeout(late);
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  /** The request to apply these edits of whole lines: `[uri, text it is for, line, new line]` each. */
  applies(edits, job = 'baton/0') {
    const documentChanges = [...Map.groupBy(edits, ([uri]) => uri)].map(([uri, own]) => ({
      textDocument: { uri, version: null },
      edits: own.map(([, text, line, newText]) => ({ range: { start: { line, character: 0 }, end: { line, character: text.split('\n')[line].length } }, newText })),
    }));
    const texts = [...new Map(edits.map(([uri, text]) => [uri, { uri, sha256: sha256(text) }])).values()];
    return { job, label: 'Baton: scripted', verdict: 'parsed', edit: { documentChanges }, texts };
  }

  close() {
    this.connection?.end();
    this.server.close();
  }
}

function changedBy(text, { range, text: newText }) {
  const offset = ({ line, character }) => text.split('\n').slice(0, line).reduce((sum, one) => sum + one.length + 1, character);
  return range ? text.slice(0, offset(range.start)) + newText + text.slice(offset(range.end)) : newText;
}

/** The text with whole lines replaced. */
export function replaced(text, lines) {
  const all = text.split('\n');
  for (const [line, newText] of lines) all[line] = newText;
  return all.join('\n');
}
