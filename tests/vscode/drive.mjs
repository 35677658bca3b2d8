// Drives VS Code through the scenarios and prints a line for each: `drive.mjs PLAN`, where PLAN is JSON from tests/tests/vscode.rs.

import { Scripted } from './scripted.mjs';
import * as client from './client.mjs';
import * as server from './server.mjs';
import { Workbench } from './workbench.mjs';

const plan = JSON.parse(process.argv[2]);
const scripted = await Scripted.listen(plan.state);
let bench;
try {
  bench = await Workbench.open({ folder: plan.project, ...plan });
  await run(server.scenarios({ bench, ...plan }));
  bench.machine({ 'baton.server.path': scripted.program });
  await run(client.scenarios({ bench, scripted, ...plan }));
} catch (error) {
  // The scenarios share one workbench: what came after one that failed would start from somewhere else.
  await bench?.picture('failed').catch(() => undefined);
  console.log(`FAILED: ${error.message.split('\n')[0]}`);
  console.error(error);
  process.exitCode = 1;
} finally {
  await bench?.close();
  scripted.close();
}

async function run(scenarios) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const begun = performance.now();
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`${name}: it never ended`)), 300_000).unref());
    console.log(`${name}: ${await Promise.race([scenario(), late])}`);
    console.error(`  ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
}
