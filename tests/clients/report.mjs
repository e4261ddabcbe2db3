// report.mjs - counts tests for the scripts beside it, as report.py does; and loads the SDKs from where tools/clients.sh put them.
// SPDX-License-Identifier: MIT
import { createRequire } from "node:module";
import { isDeepStrictEqual, inspect } from "node:util";

export const load = createRequire(new URL("../../build/clients/js/package.json", import.meta.url));

let passed = 0;
let failed = 0;

export async function test(name, run) {
  try {
    await run();
    passed++;
    console.log(`ok   ${name}`);
  } catch (problem) {
    failed++;
    console.log(`FAIL ${name}: ${problem?.stack ?? inspect(problem)}`);
  }
}

// Of two objects only the members that differ are shown.
export function same(found, expected, what = "value") {
  const both = [found, expected].every((v) => v !== null && typeof v === "object" && !Array.isArray(v));
  if (both) for (const key of new Set([...Object.keys(found), ...Object.keys(expected)])) same(found[key], expected[key], `${what}.${key}`);
  if (!isDeepStrictEqual(found, expected))
    throw new Error(`${what}: expected ${inspect(expected, { depth: 9 })}, found ${inspect(found, { depth: 9 })}`);
}

export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

// The error that `run` ends with.
export async function failure(run) {
  try {
    await run();
  } catch (problem) {
    return problem;
  }
  throw new Error("expected an error, found none");
}

export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
