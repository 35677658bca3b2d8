// The connection to the server: started in trusted workspaces only, and again after a crash, an upgrade or another key.

import { unwatchFile, watchFile } from 'node:fs';
import { isAbsolute } from 'node:path';
import { type LogOutputChannel, type Memento, Uri, window, workspace } from 'vscode';
import { CloseAction, ErrorAction, ExecuteCommandRequest, LanguageClient, type LanguageClientOptions, type ResponseError, RevealOutputChannelOn, State, WorkDoneProgressCancelNotification } from 'vscode-languageclient/node';
import { type Request, apply } from './apply';
import { ASK, EDIT, type Kind, REFACTOR, askFor } from './instruction';
import { showAnswer } from './pages';
import type { Program } from './program';
import { Jobs } from './progress';
import type { Review, Reviews } from './review';
import type { Runs } from './runs';
import type { ServerStatus, Status } from './status';

export interface Argument { textDocument: { uri: string }; range?: unknown; diagnostics?: string[]; instruction?: string }

/** Commands that need words, which the client asks for. */
const INPUTS: Record<string, Kind | undefined> = { 'baton.edit': EDIT, 'baton.refactor': REFACTOR, 'baton.ask': ASK };
/** Settings of the client's own, which the server does not know. */
const OWN = ['preview', 'saveAfterApply', 'server'];
const TRUST = 'Trust This Folder…';

export class Session {
  private client?: LanguageClient;
  private watched?: string;
  private turn: Promise<unknown> = Promise.resolve();
  readonly jobs = new Jobs((token) => void this.client?.sendNotification(WorkDoneProgressCancelNotification.type, { token }));

  constructor(
    private readonly program: Program, private readonly reviews: Reviews, private readonly status: Status, private readonly runs: Runs,
    private readonly memory: Memento, private readonly log: LogOutputChannel,
  ) {}

  start(): Promise<void> {
    return this.next(() => this.open());
  }

  stop(): Promise<void> {
    return this.next(() => this.close());
  }

  async restart(message: string): Promise<void> {
    await this.next(async () => { await this.close(); await this.open(); });
    window.setStatusBarMessage(`Baton: ${message}`, 10_000);
  }

  /** One after the other: a start that overtakes a stop would leave two servers. */
  private next(step: () => Promise<void>): Promise<void> {
    const turn = this.turn.then(step).catch((error: Error) => {
      this.status.say('not running');
      void window.showErrorMessage(`Baton's server is not running: ${error.message}`);
    });
    this.turn = turn;
    return turn;
  }

  private async open(): Promise<void> {
    if (!workspace.isTrusted || (this.client && this.client.state !== State.Stopped)) return;
    await this.close();
    const { command, env } = await this.program.command();
    const client = new LanguageClient('baton', 'Baton', { command, args: ['lsp'], options: { env } }, this.options());
    client.onRequest('baton/review', (review: Review, token) => this.reviews.show(review, token));
    client.onRequest('baton/apply', (request: Request) => apply(request).finally(() => this.reviews.close(request.job)));
    client.onNotification('baton/dismiss', ({ job }: { job: string }) => this.reviews.dismiss(job));
    client.onNotification('baton/answer', ({ question, answer }: { question: string; answer: string }) => showAnswer(question, answer));
    client.onNotification('baton/status', (status: ServerStatus) => { this.status.receive(status); this.runs.refresh(); });
    client.onDidChangeState(({ newState }) => {
      if (newState === State.Running) return;
      // Its jobs ended with it, and what they proposed.
      this.jobs.clear();
      this.reviews.clear();
      this.status.say(newState === State.Starting ? 'starting' : 'not running');
    });
    this.client = client;
    this.watch(command);
    await client.start();
  }

  private async close(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (this.watched) unwatchFile(this.watched);
    this.watched = undefined;
    // One that never started cannot be stopped.
    if (client?.state === State.Running) await client.stop();
    await client?.dispose();
  }

  private options(): LanguageClientOptions {
    return {
      // Every file: Baton works on what the editor shows, configuration files included.
      documentSelector: [{ scheme: 'file' }],
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: { client: { answers: true, reviews: true, status: true } },
      errorHandler: this.patience(),
      middleware: {
        executeCommand: (command, [argument]) => this.execute(command, argument as Argument),
        handleWorkDoneProgress: (token, value, next) => {
          this.jobs.handle(token, value);
          // The library's own display, in the status bar and without a button, is only told to forget the token.
          if (value.kind !== 'end') return;
          this.reviews.close(String(token));
          next(token, value);
        },
        workspace: { configuration: ({ items }) => items.map(() => settings()) },
      },
    };
  }

  private patience(): LanguageClientOptions['errorHandler'] {
    let usual: ReturnType<LanguageClient['createDefaultErrorHandler']> | undefined;
    const handler = () => (usual ??= this.client?.createDefaultErrorHandler());
    return {
      // A write that fails is followed by the end of the connection, which is what is answered.
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: async () => {
        const result = await handler()!.closed();
        if (result.action !== CloseAction.Restart) return result;
        const message = "Baton's server ended and was started again. Your texts are as they were; ask again for what was running.";
        void window.showWarningMessage(message);
        return { ...result, message, handled: true };
      },
    };
  }

  private watch(command: string): void {
    if (!isAbsolute(command)) return;
    this.watched = command;
    watchFile(command, { interval: 5000, persistent: false }, async (now, before) => {
      if (now.mtimeMs === before.mtimeMs || now.size === 0) return;
      const restart = 'Restart';
      if ((await window.showInformationMessage("Baton's program was replaced; its server is still the old one.", restart)) === restart) await this.restart('the new server runs');
    });
  }

  /** Sends a command, after asking for the words that it needs. */
  async execute(command: string, argument: Argument): Promise<void> {
    await this.start();
    const uri = Uri.parse(argument.textDocument.uri);
    const version = () => workspace.textDocuments.find((document) => document.uri.toString() === uri.toString())?.version;
    const kind = INPUTS[command];
    let sent = argument;
    if (kind && !argument.instruction) {
      const then = version();
      const wish = await askFor(kind, workspace.asRelativePath(uri), this.memory);
      if (!wish) return;
      if (version() !== then) {
        void window.showWarningMessage('The text changed while you were asked, so the place may be another: ask again, the words are remembered.');
        return;
      }
      sent = { ...argument, ...wish };
    }
    try {
      await this.client?.sendRequest(ExecuteCommandRequest.type, { command, arguments: [sent] });
    } catch (error) {
      const { message, data } = error as ResponseError<{ untrusted?: boolean }>;
      const buttons = data?.untrusted ? [TRUST] : [];
      if ((await window.showWarningMessage(`Baton: ${message}`, ...buttons)) === TRUST) await this.execute('baton.trust', { textDocument: argument.textDocument });
    }
  }
}

/** What the user set for the server; a default of the editor's form would count as a wish. */
function settings(): Record<string, unknown> {
  const all = workspace.getConfiguration('baton');
  const isSet = (key: string): boolean => {
    const found = all.inspect(key);
    return [found?.globalValue, found?.workspaceValue, found?.workspaceFolderValue].some((value) => value !== undefined);
  };
  return Object.fromEntries(Object.keys(all).filter((key) => !OWN.includes(key) && isSet(key)).map((key) => [key, all.get(key)]));
}
