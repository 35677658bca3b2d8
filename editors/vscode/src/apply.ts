// From an approved edit to the buffers: only over the texts that were verified, all files or none, one undo.

import { createHash } from 'node:crypto';
import { Range, type TextDocument, Uri, WorkspaceEdit, window, workspace } from 'vscode';
import type { WorkspaceEdit as Sent } from 'vscode-languageclient/node';
import { applied } from './parts';
import { type Plan, planned } from './plan';

export interface Request { job: string; label: string; verdict: string; edit: Sent; texts: { uri: string; sha256: string | null }[] }
export interface Answer { applied: boolean; failureReason?: string }

interface Edited { document: TextDocument; before: string; after: string; dirty: boolean }

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');
const refused = (failureReason: string): Answer => ({ applied: false, failureReason });

function opened(uri: Uri): TextDocument | undefined {
  return workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
}

export async function apply({ edit, texts }: Request): Promise<Answer> {
  const verified = texts.map(({ uri, sha256 }) => ({ uri: Uri.parse(uri), sha256 }));
  // What takes time comes first. From the comparison to the request to the editor nothing can come between, and the request
  // names the version of every text: the editor refuses all of it where a key was pressed meanwhile.
  const onDisk = new Map<string, Uint8Array | null>();
  for (const { uri } of verified) {
    if (!opened(uri)) onDisk.set(uri.toString(), await Promise.resolve(workspace.fs.readFile(uri)).catch(() => null));
  }
  const plan = planned(edit, onDisk);
  for (const [uri, bytes] of onDisk) if (bytes && plan.texts.has(uri)) await workspace.openTextDocument(Uri.parse(uri));
  for (const { uri, sha256: wanted } of verified) {
    const text = opened(uri)?.getText();
    const bytes = onDisk.get(uri.toString());
    // The editor keeps a byte order mark out of the text.
    const now = text === undefined ? [bytes ? sha256(bytes) : null] : [sha256(text), sha256(`\uFEFF${text}`)];
    if (!now.includes(wanted)) {
      return refused(`${workspace.asRelativePath(uri)} has changed meanwhile, or VS Code shows it with other line breaks than it has`);
    }
  }
  const edited: Edited[] = [];
  for (const [uri, edits] of plan.texts) {
    const document = opened(Uri.parse(uri));
    if (!document) return refused(`${uri} is to be edited, and nothing says over which text`);
    edited.push({ document, before: document.getText(), after: applied(document.getText(), edits), dirty: document.isDirty });
  }
  if (!(await workspace.applyEdit(plan.edit))) {
    await takeBack(edited, plan);
    return refused('a text was changed in that very moment, or a file could not be written');
  }
  if (workspace.getConfiguration('baton').get('saveAfterApply')) void save(edited);
  return { applied: true };
}

/** None where not all: what was done before the editor came to what it refused. */
async function takeBack(edited: Edited[], plan: Plan): Promise<void> {
  const texts = new WorkspaceEdit();
  for (const { document, before, after } of edited) {
    const all = new Range(document.positionAt(0), document.positionAt(document.getText().length));
    if (document.getText() === after) texts.replace(document.uri, all, before);
  }
  if (texts.size === 0) return;
  for (const edit of [...plan.undo, texts]) await workspace.applyEdit(edit);
}

async function save(edited: Edited[]): Promise<void> {
  for (const { document, dirty } of edited) {
    if (!dirty && !document.isClosed && !(await document.save())) {
      void window.showWarningMessage(`Baton's edit of ${workspace.asRelativePath(document.uri)} could not be saved: save it yourself.`);
    }
  }
}
