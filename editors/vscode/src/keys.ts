// Keys of model workers: they lie in the editor's SecretStorage, reach Baton as environment variables, and are shown and logged nowhere.

import { type ExtensionContext, window } from 'vscode';
import type { Program } from './program';

/** The names of the keys that are stored; SecretStorage itself cannot list them. */
const NAMES = 'keys';

export class Keys {
  constructor(private readonly context: ExtensionContext) {}

  private names(): string[] {
    return this.context.globalState.get<string[]>(NAMES, []);
  }

  async environment(): Promise<Record<string, string>> {
    const all = await Promise.all(this.names().map(async (name) => [name, await this.context.secrets.get(name)] as const));
    return Object.fromEntries(all.filter((pair): pair is [string, string] => pair[1] !== undefined));
  }

  /** Asks for a key, and gives whether anything is different now. */
  async ask(program: Program): Promise<boolean> {
    const models = await program.json<{ name: string; key_env: string | null; key_set: boolean }[]>(['models']);
    const named = models.filter((model) => model.key_env !== null);
    const wanted = new Set([...this.names(), ...named.map((model) => model.key_env!)]);
    if (wanted.size === 0) {
      void window.showInformationMessage('No configured worker names a key: add `key_env` to a [[worker]] in ~/.config/baton/config.toml.');
      return false;
    }
    const items = [...wanted].map((label) => {
      const workers = named.filter((model) => model.key_env === label);
      const description = this.names().includes(label) ? 'stored here' : workers.some((worker) => worker.key_set) ? 'set in the environment' : 'not set';
      return { label, description, detail: workers.length > 0 ? `for ${workers.map(({ name }) => name).join(', ')}` : 'no worker names it any more' };
    });
    const picked = await window.showQuickPick(items, { title: 'Baton: Set Key', placeHolder: 'Which key?' });
    if (!picked) return false;
    const name = picked.label;
    const prompt = `${name} is kept in the secret storage of VS Code; leave it empty to forget it`;
    const key = await window.showInputBox({ title: 'Baton: Set Key', prompt, password: true, ignoreFocusOut: true });
    if (key === undefined) return false;
    const others = this.names().filter((other) => other !== name);
    if (key.trim() === '') await this.context.secrets.delete(name);
    else await this.context.secrets.store(name, key.trim());
    await this.context.globalState.update(NAMES, key.trim() === '' ? others : [...others, name]);
    return true;
  }
}
