// Panels: the record of a run as the server pictures it, and answers. Nothing in them runs or is fetched.

import { ViewColumn, commands, window } from 'vscode';

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE = 'body { max-width: 60em; line-height: 1.5 } pre, code { font-family: var(--vscode-editor-font-family); white-space: pre-wrap }';

function show(kind: string, title: string, column: ViewColumn, page: string): void {
  const panel = window.createWebviewPanel(kind, title, column, { enableScripts: false, enableForms: false, localResourceRoots: [] });
  panel.webview.html = page;
}

function page(title: string, body: string): string {
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<style>${STYLE}</style><title>${escaped(title)}</title></head><body><h1>${escaped(title)}</h1>${body}</body></html>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** A run's own page, which brings the same policy. */
export function showRun(id: string, page: string): void {
  if (!page.includes(`http-equiv="Content-Security-Policy" content="default-src 'none'`)) throw new Error(`the page of run ${id} names no policy, so it is not shown`);
  show('baton.run', `Run ${id}`, ViewColumn.Active, page);
}

/** An answer in Markdown, written by a model: the policy and the missing scripts make it harmless, whatever it says. */
export async function showAnswer(question: string, answer: string): Promise<void> {
  const rendered = Promise.resolve(commands.executeCommand<string>('markdown.api.render', answer));
  show('baton.answer', 'Baton: Answer', ViewColumn.Beside, page(question, await rendered.catch(() => `<pre>${escaped(answer)}</pre>`)));
}

export function showText(title: string, text: string): void {
  show('baton.text', title, ViewColumn.Active, page(title, `<pre>${escaped(text)}</pre>`));
}
