// The view of past runs: a list from the ledger; choosing one shows its picture.

import { EventEmitter, ThemeColor, ThemeIcon, type TreeDataProvider, TreeItem, workspace } from 'vscode';
import type { Program } from './program';

interface Run { id: string; started: number; path: string; goal: string; outcome: string; message: string; usd: number; ms: number }

const ICONS: Record<string, [string, string]> = {
  verified: ['pass', 'testing.iconPassed'],
  failed: ['error', 'testing.iconFailed'],
  unverified: ['question', 'testing.iconQueued'],
};

export class Runs implements TreeDataProvider<Run> {
  private readonly changed = new EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly program: Program) {}

  refresh(): void {
    this.changed.fire();
  }

  async getChildren(): Promise<Run[]> {
    return workspace.isTrusted ? this.program.json<Run[]>(['runs', '--limit', '50']) : [];
  }

  getParent(): undefined {
    return undefined;
  }

  getTreeItem(run: Run): TreeItem {
    const item = new TreeItem(`${run.goal} ${run.path}`);
    item.id = run.id;
    const [icon, color] = ICONS[run.outcome] ?? ['circle-slash', 'testing.iconSkipped'];
    const outcome = run.outcome.replace('_', ' ');
    item.description = `${outcome} · $${run.usd.toFixed(4)} · ${(run.ms / 1000).toFixed(1)} s`;
    item.tooltip = `${run.id}, ${new Date(run.started).toLocaleString()}: ${run.message}`;
    item.accessibilityInformation = { label: `${run.goal} ${run.path}, ${item.description}` };
    item.iconPath = new ThemeIcon(icon, new ThemeColor(color));
    item.command = { command: 'baton.openRun', title: 'Show This Run', arguments: [run.id] };
    return item;
  }
}
