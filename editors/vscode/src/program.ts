// The program `baton`: which one it is, what it may know, and the one place where it is started.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type ExtensionContext, workspace } from 'vscode';
import type { Keys } from './keys';

export interface Printed { code: number; stdout: string; stderr: string }

export class Program {
  constructor(private readonly context: ExtensionContext, private readonly keys: Keys) {}

  /** What to start, and with which environment: refused in Restricted Mode, where nothing is run. */
  async command(): Promise<{ command: string; env: NodeJS.ProcessEnv }> {
    if (!workspace.isTrusted) throw new Error('Baton starts nothing in Restricted Mode: trust this workspace first.');
    const own = workspace.getConfiguration('baton').get<string>('server.path', '').trim();
    const bundled = this.context.asAbsolutePath('server/baton');
    if (own !== '' && !existsSync(own)) throw new Error(`There is no ${own}: correct the setting baton.server.path.`);
    const command = own || (existsSync(bundled) ? bundled : 'baton');
    return { command, env: { ...process.env, ...(await this.keys.environment()) } };
  }

  /** Runs `baton` with these arguments to its end. */
  async run(args: string[], cwd = workspace.workspaceFolders?.[0]?.uri.fsPath): Promise<Printed> {
    const { command, env } = await this.command();
    return new Promise((resolve, reject) => {
      execFile(command, args, { cwd, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
        if (error && typeof error.code !== 'number') reject(new Error(`${command} could not be run: ${error.message}`));
        else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
      });
    });
  }

  /** What `baton … --json` prints. */
  async json<T>(args: string[]): Promise<T> {
    const printed = await this.run([...args, '--json']);
    if (printed.code !== 0) throw new Error(printed.stderr.trim() || `baton ${args[0]} failed`);
    return JSON.parse(printed.stdout) as T;
  }
}
