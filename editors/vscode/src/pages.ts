// Panels: the record of a run as the server pictures it, and answers. Nothing in them runs or is fetched.

import { ViewColumn, type WebviewPanel, commands, window } from 'vscode';

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

function panel(kind: string, title: string): WebviewPanel {
  return window.createWebviewPanel(kind, title, ViewColumn.Beside, { enableScripts: false, enableForms: false, localResourceRoots: [] });
}

/** A run's own page, which brings its policy with it. */
export function showRun(id: string, page: string): void {
  if (!page.includes(`http-equiv="Content-Security-Policy" content="default-src 'none'`)) throw new Error(`The page of run ${id} names no policy, so it is not shown.`);
  panel('baton.run', `Run ${id}`).webview.html = page;
}

/** An answer in Markdown, written by a model: the policy and the missing scripts make it harmless, whatever it says. */
export async function showAnswer(question: string, answer: string): Promise<void> {
  const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const rendered = await Promise.resolve(commands.executeCommand<string>('markdown.api.render', answer)).catch(() => `<pre>${escaped(answer)}</pre>`);
  const style = 'body { max-width: 50em; line-height: 1.5 } pre, code { font-family: var(--vscode-editor-font-family); white-space: pre-wrap }';
  panel('baton.answer', 'Baton: Answer').webview.html = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}"><style>${style}</style><title>Answer</title></head>
<body><h1>${escaped(question)}</h1>${rendered}</body></html>`;
}
