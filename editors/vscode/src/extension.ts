// Baton in VS Code: wires the parts together and names the commands. The work is the server's; editors/README.md is what both speak.

import { type Diagnostic, type ExtensionContext, type TextEditor, Uri, commands, languages, window, workspace } from 'vscode';
import { Keys } from './keys';
import { showRun, showText } from './pages';
import { Program } from './program';
import { Reviews } from './review';
import { Runs } from './runs';
import { type Argument, Session } from './session';
import { Status } from './status';

let session: Session | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  const log = window.createOutputChannel('Baton', { log: true });
  const keys = new Keys(context);
  const program = new Program(context, keys);
  const [reviews, status, runs] = [new Reviews(), new Status(), new Runs(program)];
  const here = (session = new Session(program, reviews, status, runs, context.workspaceState, log));
  const view = window.createTreeView('baton.runs', { treeDataProvider: runs });

  const about = (command: string, argument: (editor: TextEditor) => Omit<Argument, 'textDocument'>) => async (): Promise<void> => {
    const editor = window.activeTextEditor;
    if (!editor) throw new Error('Open the file that this is about first.');
    await here.execute(command, { textDocument: { uri: editor.document.uri.toString() }, ...argument(editor) });
  };
  const selected = ({ selection: { start, end } }: TextEditor) => ({ range: { start, end } });
  const problems = ({ document }: TextEditor) => languages.getDiagnostics(document.uri);

  const all: Record<string, (...args: never[]) => unknown> = {
    'baton.editHere': about('baton.edit', selected),
    'baton.refactorHere': about('baton.refactor', selected),
    'baton.askHere': about('baton.ask', selected),
    'baton.fixHere': about('baton.fix', (editor) => ({
      ...selected(editor),
      diagnostics: problems(editor).filter(({ range }) => range.intersection(editor.selection)).map(said),
    })),
    'baton.fixFile': about('baton.fix', (editor) => ({ diagnostics: problems(editor).map(said) })),
    'baton.stop': () => here.jobs.stopAll(),
    'baton.acceptEdit': () => reviews.accept(),
    'baton.chooseParts': () => reviews.choose(),
    'baton.rejectEdit': () => reviews.reject(),
    'baton.showRuns': async () => {
      await commands.executeCommand('baton.runs.focus');
      const [newest] = await runs.getChildren();
      if (newest) await view.reveal(newest, { focus: true });
    },
    'baton.refreshRuns': () => runs.refresh(),
    'baton.openRun': async (id: string) => {
      const page = await program.run(['runs', id, '--html']);
      if (page.code !== 0) throw new Error(page.stderr);
      showRun(id, page.stdout);
    },
    'baton.setKey': async () => {
      if (await keys.ask(program)) await here.restart('the server was started again with the new key');
    },
    'baton.doctor': async () => {
      const { stdout, stderr } = await program.run(['doctor']);
      showText('Baton: Doctor', stdout + stderr);
    },
    'baton.trustFolder': async () => {
      const [folder] = workspace.workspaceFolders ?? [];
      const uri = window.activeTextEditor?.document.uri ?? (folder && Uri.joinPath(folder.uri, 'any'));
      if (!uri) throw new Error('Open the folder that is to be trusted first.');
      await here.execute('baton.trust', { textDocument: { uri: uri.toString() } });
    },
    'baton.restart': () => here.restart('the server was started again'),
  };
  /** Whatever goes wrong is said in a sentence. */
  const reported = (work: (...args: never[]) => unknown) => async (...args: never[]): Promise<void> => {
    try {
      await work(...args);
    } catch (error) {
      void window.showErrorMessage(`Baton: ${(error as Error).message}`);
    }
  };
  context.subscriptions.push(
    log, reviews, status, view,
    ...Object.entries(all).map(([name, work]) => commands.registerCommand(name, reported(work))),
    workspace.onDidGrantWorkspaceTrust(() => { runs.refresh(); return here.start(); }),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('baton.server.path')) void here.restart('the server was started again');
    }),
  );
  await here.start();
}

export function deactivate(): Promise<void> | undefined {
  return session?.stop();
}

/** A diagnostic in words, with who says it and by which rule. */
function said({ message, source, code }: Diagnostic): string {
  const rule = typeof code === 'object' ? code.value : code;
  const whose = [source, rule].filter((word) => word !== undefined).join(' ');
  return whose === '' ? message : `${message} (${whose})`;
}
