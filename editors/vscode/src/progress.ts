// Jobs as they go on: a notification each, with the steps in words and what they cost so far, and a button that stops it.

import { type Progress, ProgressLocation, window } from 'vscode';
import type { ProgressToken, WorkDoneProgressBegin, WorkDoneProgressEnd, WorkDoneProgressReport } from 'vscode-languageclient/node';

interface Shown { message?: string; progress?: Progress<{ message?: string }>; end(): void }

export class Jobs {
  private readonly shown = new Map<ProgressToken, Shown>();

  constructor(private readonly stop: (job: ProgressToken) => void) {}

  handle(job: ProgressToken, value: WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd): void {
    const shown = this.shown.get(job);
    if (value.kind === 'begin') this.begin(job, value.title);
    else if (value.kind === 'report' && shown) {
      shown.message = value.message;
      shown.progress?.report({ message: value.message });
    } else if (value.kind === 'end') {
      shown?.end();
      this.shown.delete(job);
      if (value.message) window.setStatusBarMessage(`Baton: ${value.message}`, 10_000);
    }
  }

  private begin(job: ProgressToken, title: string): void {
    const ended = Promise.withResolvers<void>();
    const shown: Shown = { end: ended.resolve };
    this.shown.set(job, shown);
    void window.withProgress({ location: ProgressLocation.Notification, title, cancellable: true }, (progress, cancelled) => {
      shown.progress = progress;
      progress.report({ message: shown.message });
      cancelled.onCancellationRequested(() => this.stop(job));
      return ended.promise;
    });
  }

  stopAll(): void {
    for (const job of this.shown.keys()) this.stop(job);
  }

  /** The server is gone, and its jobs with it. */
  clear(): void {
    for (const shown of this.shown.values()) shown.end();
    this.shown.clear();
  }
}
