// The inline command's input: an instruction, what was said before, and on request another tier or test.

import { type Memento, type QuickPickItem, QuickPickItemKind, ThemeIcon, window } from 'vscode';

export interface Wish { instruction: string; tier?: string; test?: string }

export interface Kind { verb: string; placeholder: string; suggestions: string[]; tested: boolean }

export const EDIT: Kind = { verb: 'Edit', placeholder: 'What is to change? Enter sends it', suggestions: ['Handle its errors', 'Document it'], tested: true };
export const REFACTOR: Kind = { verb: 'Refactor', placeholder: 'How? It will still do what it does', suggestions: ['Simplify it', 'Split it into smaller parts'], tested: true };
export const ASK: Kind = { verb: 'Ask', placeholder: 'What do you want to know? Nothing is edited', suggestions: ['What does this do?'], tested: false };

/** How many instructions of each kind are remembered for a workspace. */
const REMEMBERED = 20;
const TIERS = [
  { label: 'mini', description: 'one step after the other, the cheapest likely solver first' },
  { label: 'ultra', description: 'a generative model plans the whole workflow' },
];

export async function askFor(kind: Kind, about: string, memory: Memento): Promise<Wish | undefined> {
  const place = `said.${kind.verb}`;
  const said = memory.get<string[]>(place, []);
  const wish: Wish = { instruction: '' };
  for (;;) {
    const next = await input(kind, about, said, wish);
    if (next === 'tier') {
      const title = 'Baton: which tier decides?';
      const settings = { label: 'as the settings say', description: '' };
      const picked = await window.showQuickPick([settings, ...TIERS], { title });
      if (picked) wish.tier = picked === settings ? undefined : picked.label;
    } else if (next === 'test') {
      const prompt = 'A command line; leave it empty and Baton finds the tests by itself';
      const test = await window.showInputBox({ title: 'Baton: which command tests it?', prompt, value: wish.test });
      if (test !== undefined) wish.test = test.trim() || undefined;
    } else if (next === 'send') {
      await memory.update(place, [wish.instruction, ...said.filter((old) => old !== wish.instruction)].slice(0, REMEMBERED));
      return wish;
    } else return undefined;
  }
}

type Next = 'send' | 'tier' | 'test' | 'none';
type Item = QuickPickItem & { next?: Next | 'fill' };

/** Shows the input until something is chosen; what is typed is kept in the wish. */
function input(kind: Kind, about: string, said: string[], wish: Wish): Promise<Next> {
  const pick = window.createQuickPick<Item>();
  pick.title = `Baton: ${kind.verb} ${about}`;
  pick.placeholder = kind.placeholder;
  pick.ignoreFocusOut = true;
  pick.value = wish.instruction;
  const line = (label: string): Item => ({ label, kind: QuickPickItemKind.Separator });
  const recent: Item[] = (said.length > 0 ? said : kind.suggestions).map((label) => ({ label, iconPath: new ThemeIcon('history'), next: 'fill' }));
  const options: Item[] = [{ label: `Tier: ${wish.tier ?? 'as the settings say'}`, alwaysShow: true, next: 'tier' }];
  if (kind.tested) options.push({ label: `Test: ${wish.test ?? 'found by itself'}`, alwaysShow: true, next: 'test' });
  const others = [line(said.length > 0 ? 'said before' : 'for example'), ...recent, line('options'), ...options];
  // Every item keeps its place whatever is typed: what the user chooses is told by its place, and that may be a moment old.
  const fill = (): void => {
    const words = pick.value.trim();
    const send: Item = words === '' ? { label: 'Type an instruction', alwaysShow: true } : { label: words, description: kind.verb, alwaysShow: true, next: 'send' };
    pick.items = [{ ...send, iconPath: new ThemeIcon('sparkle') }, ...others];
  };
  fill();
  pick.onDidChangeValue(fill);
  return new Promise((resolve) => {
    const end = (next: Next): void => {
      wish.instruction = pick.value.trim();
      resolve(next);
      pick.dispose();
    };
    pick.onDidAccept(() => {
      const [item] = pick.activeItems;
      if (item?.next && item.next !== 'fill') return end(item.next);
      if (!item?.next) return;
      // What was said before can be changed before it is sent.
      pick.value = item.label;
      fill();
    });
    pick.onDidHide(() => end('none'));
    pick.show();
  });
}
