// Drives VS Code through the scenarios and prints a line for each: `drive.mjs PLAN`, where PLAN is JSON from tests/tests/vscode.rs.

import { Scripted } from './scripted.mjs';
import * as client from './client.mjs';
import * as server from './server.mjs';
import { Workbench } from './workbench.mjs';

const plan = JSON.parse(process.argv[2]);
const scripted = await Scripted.listen(plan.state);
let failed = 0;
let bench;
try {
  bench = await Workbench.open({ folder: plan.project, ...plan });
  const context = { bench, scripted, ...plan };
  await run(server.scenarios(context));
  bench.machine({ 'baton.server.path': scripted.program });
  await run(client.scenarios(context));
} finally {
  await bench?.close();
  scripted.close();
}
process.exitCode = failed === 0 ? 0 : 1;

async function run(scenarios) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const begun = performance.now();
    try {
      const late = new Promise((_, reject) => setTimeout(() => reject(new Error('it never ended')), 120_000).unref());
      console.log(`${name}: ${await Promise.race([scenario(), late])}`);
    } catch (error) {
      failed += 1;
      await bench.picture(`failed-${failed}`);
      await bench.press('Escape', 'Escape');
      console.error(error);
      console.log(`${name}: FAILED: ${error.message.split('\n')[0]}`);
    }
    console.error(`  ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
}
