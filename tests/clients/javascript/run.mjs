// Runs checks and tells of each by a line of JSON: `run.mjs SETTING PACKAGE MODULE...`.

import { createRequire } from "node:module";
import { checks } from "./common.mjs";

const [name, ...modules] = process.argv.slice(3);
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

tell({ version: createRequire(import.meta.url)(`${name}/package.json`).version });
for (const module of modules) {
  await import(`./${module}.mjs`);
}
for (const { check, run } of checks) {
  let failure = null;
  try {
    await run();
  } catch (error) {
    failure = error?.stack ?? `${error?.res?.status} ${JSON.stringify(error?.data ?? error)}`;
  }
  tell({ check, failure });
}
