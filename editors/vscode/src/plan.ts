// An edit in the editor's own words: all texts in one step, then the files that come, move and go; and what takes the latter back.

import { Range, Uri, WorkspaceEdit } from 'vscode';
import type { TextEdit, WorkspaceEdit as Sent } from 'vscode-languageclient/node';

export interface Plan {
  edit: WorkspaceEdit;
  /** What is edited, by URI; files that are created have their text from the start and are not among them. */
  texts: Map<string, TextEdit[]>;
  /** The last first. */
  undo: WorkspaceEdit[];
}

/** Confirmation is asked for by the review, so the annotations that would have the editor ask again are left out. */
export function planned(sent: Sent, contents: Map<string, Uint8Array | null>): Plan {
  const edit = new WorkspaceEdit();
  const texts = new Map<string, TextEdit[]>();
  const files: (() => void)[] = [];
  const undo: WorkspaceEdit[] = [];
  const back = (how: (edit: WorkspaceEdit) => void): void => {
    const one = new WorkspaceEdit();
    how(one);
    undo.unshift(one);
  };
  const created = new Map<string, string>();
  for (const change of sent.documentChanges ?? []) {
    if (!('kind' in change)) {
      const uri = Uri.parse(change.textDocument.uri);
      const edits = change.edits as TextEdit[];
      if (created.has(uri.toString())) created.set(uri.toString(), edits.map(({ newText }) => newText).join(''));
      else texts.set(uri.toString(), edits.toSorted(({ range: { start: a } }, { range: { start: b } }) => a.line - b.line || a.character - b.character));
    } else if (change.kind === 'create') {
      const uri = Uri.parse(change.uri);
      created.set(uri.toString(), '');
      files.push(() => edit.createFile(uri, { contents: Buffer.from(created.get(uri.toString()) ?? '') }));
      back((edit) => edit.deleteFile(uri, { ignoreIfNotExists: true }));
    } else if (change.kind === 'rename') {
      const [from, to] = [Uri.parse(change.oldUri), Uri.parse(change.newUri)];
      files.push(() => edit.renameFile(from, to));
      back((edit) => edit.renameFile(to, from, { ignoreIfExists: true }));
    } else {
      const uri = Uri.parse(change.uri);
      files.push(() => edit.deleteFile(uri));
      back((edit) => edit.createFile(uri, { ignoreIfExists: true, contents: contents.get(uri.toString()) ?? undefined }));
    }
  }
  for (const [uri, edits] of texts) {
    for (const { range: { start, end }, newText } of edits) {
      edit.replace(Uri.parse(uri), new Range(start.line, start.character, end.line, end.character), newText);
    }
  }
  for (const file of files) file();
  return { edit, texts, undo };
}
