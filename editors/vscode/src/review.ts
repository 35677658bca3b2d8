// Edits before anything is changed: a diff, the verdict with it, and the user's choice between all of it, parts of it and none.

import {
  type CancellationToken, type QuickPickItem, QuickPickItemKind, type Tab, TabInputTextDiff, type TextDocumentContentProvider, Uri, commands, window, workspace,
} from 'vscode';
import { type Hunk, applied, summary } from './parts';

interface FileReview { uri: string; fate: 'kept' | 'created' | 'deleted' | 'moved'; newUri?: string; before: string; after: string; hunks: Hunk[]; asked?: string }
export interface Review { job: string; label: string; verified: boolean; verdict: string; message: string; usd: number; run: string; files: FileReview[] }
export type Wanted = { files: { uri: string; text?: string }[] } | null;

export const SCHEME = 'baton-review';
const UNVERIFIED = 'Apply Unverified Edit';

interface Open { review: Review; title: string; end(wanted: Wanted): void }
type Part = QuickPickItem & { file?: FileReview; hunk?: Hunk };

export class Reviews implements TextDocumentContentProvider {
  private readonly open = new Map<string, Open>();
  private readonly events = [
    workspace.registerTextDocumentContentProvider(SCHEME, this),
    window.tabGroups.onDidChangeTabs(({ opened, closed }) => {
      // Who closes the diff wants none of it.
      for (const tab of closed) this.of(tab)?.end(null);
      // What was taken back while its diff was opening could not be closed before.
      this.shut(opened.filter((tab) => !this.of(tab)));
      this.refresh();
    }),
    window.tabGroups.onDidChangeTabGroups(() => this.refresh()),
  ];

  constructor() {
    // Diffs that the editor restored from before: their jobs are long over.
    this.close();
  }

  /** The text on one side of a diff: `query` is the job and the file, `fragment` the side. */
  provideTextDocumentContent({ query, fragment }: Uri): string {
    const [job, file] = query.split('#');
    return this.open.get(job)?.review.files[Number(file)]?.[fragment as 'before' | 'after'] ?? '';
  }

  /** Shows the edit; gives what the user wants of it. */
  async show(review: Review, cancelled: CancellationToken): Promise<Wanted> {
    const all = { files: review.files.map(({ uri }) => ({ uri })) };
    if (review.verified && !asked(review) && workspace.getConfiguration('baton').get('preview') === 'unverified') return all;
    const { promise, resolve } = Promise.withResolvers<Wanted>();
    const title = `${review.label}: ${review.verified ? '' : 'not verified · '}${review.verdict}`;
    const end = (wanted: Wanted): void => {
      if (!this.open.delete(review.job)) return;
      resolve(wanted);
      // What is accepted as it is, is applied first: a tab that closes, and even a button that goes, takes longer than the edit.
      if (wanted?.files.every(({ text }) => text === undefined)) return;
      this.close(review.job);
      // Its notification is out of date: the API takes none back, but puts it out of the way.
      if (!wanted) void commands.executeCommand('notifications.hideToasts');
      this.refresh();
    };
    this.open.set(review.job, { review, title, end });
    cancelled.onCancellationRequested(() => end(null));
    const sides = review.files.map((file, index) => {
      const side = (name: string, uri: string): Uri => Uri.parse(uri).with({ scheme: SCHEME, query: `${review.job}#${index}`, fragment: name });
      return [Uri.parse(file.newUri ?? file.uri), side('before', file.uri), side('after', file.newUri ?? file.uri)];
    });
    const [only] = sides;
    if (sides.length === 1) await commands.executeCommand('vscode.diff', only[1], only[2], title, { preview: false });
    else {
      await commands.executeCommand('vscode.changes', title, sides);
      // A tab that is only a preview would make way for the next file, and closing it is an answer.
      await commands.executeCommand('workbench.action.keepEditor');
    }
    this.refresh();
    void this.announce(review);
    return promise;
  }

  private async announce(review: Review): Promise<void> {
    const accept = review.verified ? 'Accept Edit' : UNVERIFIED;
    const say = review.verified ? window.showInformationMessage : window.showWarningMessage;
    const cost = `$${review.usd.toFixed(4)}, run ${review.run}`;
    const chosen = await say(`${review.label}: ${review.verdict} (${cost}). ${question(review).join('; ')}`, accept, 'Choose Parts…', 'Reject');
    // A button that is pressed too late is about no other edit.
    const open = this.open.get(review.job);
    if (!open) return;
    if (chosen === accept) await this.accept(open, true);
    else if (chosen === 'Choose Parts…') await this.choose(open);
    else if (chosen === 'Reject') open.end(null);
  }

  /** The review of the diff that is in front, if it is not decided yet; where no diff is, the newest. */
  current(): Open | undefined {
    const tab = window.tabGroups.activeTabGroup.activeTab;
    return tab && jobOf(tab) !== undefined ? this.of(tab) : [...this.open.values()].at(-1);
  }

  async accept(open = this.current(), answered = false): Promise<void> {
    if (open && (answered || (await this.consent(open.review)))) open.end({ files: open.review.files.map(({ uri }) => ({ uri })) });
  }

  reject(): void {
    this.current()?.end(null);
  }

  /** Lets the user take some of the hunks, and of files that come, go or move the whole. */
  async choose(open = this.current()): Promise<void> {
    if (!open) return;
    const items = open.review.files.flatMap((file): Part[] => {
      const name = workspace.asRelativePath(Uri.parse(file.uri));
      const whole = { label: `${name} is ${file.fate}`, picked: true, file };
      const hunks = file.hunks.map((hunk) => ({ label: `line ${hunk.range.start.line + 1}`, detail: summary(file.before, hunk), picked: true, file, hunk }));
      return [{ label: name, kind: QuickPickItemKind.Separator }, ...(file.fate === 'kept' ? hunks : [whole])];
    });
    const title = 'Baton: which parts are to be applied?';
    const picked = await window.showQuickPick(items, { title, canPickMany: true, ignoreFocusOut: true, placeHolder: 'What is chosen is verified anew' });
    if (!picked || !(await this.consent(open.review))) return;
    const files = open.review.files.flatMap((file) => {
      const parts = picked.filter((part) => part.file === file);
      if (parts.length === 0) return [];
      const hunks = file.hunks.filter((hunk) => parts.some((part) => part.hunk === hunk));
      const whole = file.fate !== 'kept' || hunks.length === file.hunks.length;
      return [whole ? { uri: file.uri } : { uri: file.uri, text: applied(file.before, hunks) }];
    });
    open.end(files.length > 0 ? { files } : null);
  }

  /** What nothing could verify, and what can run code, is applied only after a question. */
  private async consent(review: Review): Promise<boolean> {
    if (review.verified && !asked(review)) return true;
    const apply = review.verified ? 'Apply Edit' : UNVERIFIED;
    return (await window.showWarningMessage(review.label, { modal: true, detail: question(review).join('\n') }, apply)) === apply;
  }

  /** Nobody waits for an answer about this job any more. */
  dismiss(job: string): void {
    this.open.get(job)?.end(null);
    this.close(job);
  }

  /** Closes the diff of a job that is over; without a name those of all. */
  close(job?: string): void {
    this.shut(window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => jobOf(tab) === (job ?? jobOf(tab))));
  }

  private shut(tabs: Tab[]): void {
    const own = tabs.filter((tab) => jobOf(tab) !== undefined);
    if (own.length === 0) return;
    void window.tabGroups.close(own);
    void commands.executeCommand('notifications.hideToasts');
  }

  /** The server is gone: nobody waits for an answer. */
  clear(): void {
    for (const { end } of [...this.open.values()]) end(null);
  }

  private of(tab: Tab): Open | undefined {
    return this.open.get(jobOf(tab) ?? '');
  }

  private refresh(): void {
    const front = window.tabGroups.activeTabGroup.activeTab;
    void commands.executeCommand('setContext', 'baton.reviews', this.open.size > 0);
    void commands.executeCommand('setContext', 'baton.reviewing', front !== undefined && this.of(front) !== undefined);
  }

  dispose(): void {
    this.clear();
    for (const event of this.events) event.dispose();
  }
}

function asked(review: Review): boolean {
  return review.files.some((file) => file.asked !== undefined);
}

function question(review: Review): string[] {
  const doubt = review.verified ? [] : [`Nothing could verify this edit: ${review.message}`];
  return [...doubt, ...review.files.flatMap((file) => file.asked ?? [])];
}

/** Which job's diff a tab shows; that of several files has a class of its own that the API does not name yet. */
function jobOf(tab: Tab): string | undefined {
  const input = tab.input as { modified?: Uri; textDiffs?: { modified: Uri }[] } | undefined;
  const modified = tab.input instanceof TabInputTextDiff ? tab.input.modified : input?.textDiffs?.[0]?.modified;
  return modified?.scheme === SCHEME ? modified.query.split('#')[0] : undefined;
}
