"use strict";
// The examples that documentation and tasks give, as tests. BATON_EXAMPLES holds, as JSON, the file's path and the
// examples: a call, and the value it should give or print, the error it should throw, or the one it should not. What
// comes of each is printed as Python's unittest does, so that one reader serves both.

const path = require("node:path");
const { isDeepStrictEqual } = require("node:util");
const { answers } = require("./calls.cjs");
const { Unreadable, leading, whole } = require("./values.cjs");

/** Milliseconds for one call. */
const LIMIT = 5000;

/** What became of one example: `["ok"]`, `["FAIL", why]` or `["skipped", why]`. */
function became(call, wanted, text, answer) {
  const throws = wanted === "raises" || wanted === "not_raises";
  if (!answer) return ["FAIL", `${call} was not called: others found no end`];
  if (answer.end === "unreadable") return ["skipped", "the call cannot be read"];
  const expected = throws ? undefined : read(text);
  if (expected === null) {
    // It may be a remark; that it is what was printed is no chance.
    return wanted === "prints" && answer.printed === text.trim() ? ["ok"] : ["skipped", "the value cannot be read"];
  }
  if (answer.end === "slow") return ["FAIL", `${call} finds no end`];
  if (answer.end === "lost") return ["FAIL", `${call} ends the process`];
  const threw = answer.end === "raise" && `${call} throws ${answer.text}: ${answer.message}`;
  if (throws) {
    const is = Boolean(threw) && answer.kinds.includes(text);
    if (is === (wanted === "raises")) return ["ok"];
    if (wanted === "not_raises") return ["FAIL", threw];
    return ["FAIL", `${threw || `${call} gives ${answer.got}`}, and ${text} is written`];
  }
  if (threw) return ["FAIL", threw];
  const is = isText(answer.got, expected.value) || (wanted === "prints" && answer.printed === text.trim());
  return is ? ["ok"] : ["FAIL", `${call} gives ${answer.got}, and ${text.trim()} is written`];
}

/** The value that a text begins with; null where it begins with none. */
function read(text) {
  try {
    return { value: leading(text) };
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

/** Whether the text of a value is that of an equal one. */
function isText(text, expected) {
  try {
    return same(whole(text), expected);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return false;
  }
}

/** Equal, but for how numbers with a fraction are rounded, and for the sign of nothing. */
function same(got, wanted) {
  if (typeof got === "number" && typeof wanted === "number") {
    const near = Math.max(1e-6 * Math.max(Math.abs(got), Math.abs(wanted)), 1e-9);
    const exact = Number.isInteger(got) && Number.isInteger(wanted);
    return got === wanted || Object.is(got, wanted) || (!exact && Math.abs(got - wanted) <= near);
  }
  if (Array.isArray(got) && Array.isArray(wanted)) {
    return got.length === wanted.length && got.every((item, at) => same(item, wanted[at]));
  }
  if (isPlain(got) && isPlain(wanted)) {
    const keys = Object.keys(got);
    const owns = (key) => Object.prototype.hasOwnProperty.call(wanted, key);
    return keys.length === Object.keys(wanted).length && keys.every((key) => owns(key) && same(got[key], wanted[key]));
  }
  return isDeepStrictEqual(got, wanted);
}

function isPlain(value) {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

async function main() {
  const given = JSON.parse(process.env.BATON_EXAMPLES);
  delete process.env.BATON_EXAMPLES;
  const calls = [...new Set(given.examples.map(([, call]) => call))];
  const ask = { file: path.resolve(given.path), calls, limit: LIMIT, memory: 512, most: 1 << 16, wall: Infinity };
  const { seen, why } = await answers(ask);
  const line = (text) => text.replace(/\s+/g, " ").replace(/ \.\.\. /g, " … ");
  const failures = [];
  const lines = given.examples.map(([group, call, wanted, text], index) => {
    const name = `test_${index + 1}`;
    const answer = seen[calls.indexOf(call)];
    const [status, said] = why ? ["skipped", `it cannot be loaded: ${why}`] : became(call, wanted, text, answer);
    const title = `${name} (baton_examples.Example_${group}.${name})`;
    if (status === "FAIL") failures.push(["=".repeat(70), `FAIL: ${title}`, "-".repeat(70), `  ${line(call)}`, `Example: ${line(said)}`, ""].join("\n"));
    return `${title} ... ${status}${status === "skipped" ? ` '${line(said)}'` : ""}`;
  });
  const count = given.examples.length;
  const end = failures.length > 0 ? `FAILED (failures=${failures.length})` : "OK";
  const ran = ["-".repeat(70), `Ran ${count} test${count === 1 ? "" : "s"} in 0.000s`, "", end, ""].join("\n");
  process.stdout.write([...lines, "", ...failures, ran].join("\n"), () => process.exit(failures.length > 0 ? 1 : 0));
}

main();
