// The status bar's item: tier, state and what was spent today.

import { MarkdownString, StatusBarAlignment, ThemeColor, commands, window, workspace } from 'vscode';

export interface ServerStatus { tier: string; jobs: number; spentTodayUsd: number; problem?: string }

export class Status {
  private readonly item = window.createStatusBarItem('baton.status', StatusBarAlignment.Right, 100);

  constructor() {
    this.item.name = 'Baton';
    this.item.command = { command: 'workbench.action.quickOpen', arguments: ['>Baton: '], title: 'Commands' };
    this.say(workspace.isTrusted ? 'starting' : 'Restricted Mode');
    this.item.show();
  }

  /** There is no server that could say anything. */
  say(state: string): void {
    this.show(`$(sparkle) Baton: ${state}`, `Baton, ${state}`, undefined);
    void commands.executeCommand('setContext', 'baton.busy', false);
  }

  receive({ tier, jobs, spentTodayUsd, problem }: ServerStatus): void {
    const spent = `$${spentTodayUsd.toFixed(spentTodayUsd < 1 ? 4 : 2)} today`;
    const state = jobs > 0 ? `${jobs} running` : 'ready';
    const icon = jobs > 0 ? 'sync~spin' : problem ? 'warning' : 'sparkle';
    this.show(`$(${icon}) Baton ${tier} · ${state} · ${spent}`, `Baton, tier ${tier}, ${state}, ${spent}`, problem);
    void commands.executeCommand('setContext', 'baton.busy', jobs > 0);
  }

  private show(text: string, label: string, problem: string | undefined): void {
    this.item.text = text;
    this.item.tooltip = new MarkdownString().appendText(problem ?? label);
    this.item.accessibilityInformation = { label: problem ? `${label}. ${problem}` : label };
    this.item.backgroundColor = problem ? new ThemeColor('statusBarItem.warningBackground') : undefined;
  }

  dispose(): void {
    this.item.dispose();
  }
}
