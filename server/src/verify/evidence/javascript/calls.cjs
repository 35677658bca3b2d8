"use strict";
// Makes calls of the functions of one file and says what each did. The file is loaded by another process, so that neither
// what it prints nor how it ends is taken for an answer: answers come on a descriptor of their own, behind a mark that is
// made anew for each process and that the file is not shown. What they say is foreign all the same.

const { spawn } = require("node:child_process");
const { createHash, randomBytes } = require("node:crypto");
const fs = require("node:fs");
const { isPromise } = require("node:util/types");
const vm = require("node:vm");
const { load } = require("./load.cjs");
const { Unreadable, literal, nameOf, shown } = require("./values.cjs");

/** Calls that may find no end before no more are made. */
const MOST_SLOW = 3;
/** Milliseconds for loading a file. */
const LOADING = 8000;
/** What every clock shows during a call: 3 February 2021, 04:05:06 UTC. */
const NOW = 1612325106000;

/**
 * Makes the calls in order: `{seen, why}`, an answer for each call, as far as it came; `why` where the file cannot be loaded.
 * An answer is `{end, text}`, where `end` is value, raise, slow, lost, or unreadable. `limit` is in milliseconds of one call,
 * `memory` in megabytes, `most` in characters of a text; `wall`: milliseconds after which no more calls are made; `still`:
 * clocks stand still.
 */
async function answers({ calls, wall, ...asked }) {
  const started = performance.now();
  const seen = [];
  let slow = 0;
  const goesOn = () => slow < MOST_SLOW && performance.now() - started < wall;
  while (seen.length < calls.length && goesOn()) {
    const began = seen.length;
    const ended = await session({ ...asked, calls: calls.slice(began) }, (answer) => {
      seen.push(answer);
      if (answer.end === "slow") slow += 1;
      return goesOn();
    });
    if (!ended.loaded) return began === 0 ? { seen, why: ended.why } : { seen };
    if (seen.length < calls.length && goesOn()) {
      seen.push({ end: ended.late ? "slow" : "lost", text: "" });
      if (ended.late || seen.length === began + 1) slow += 1;
    }
  }
  return { seen };
}

/** One process; `take` is given each answer, and says whether to go on. */
function session(asked, take) {
  const mark = randomBytes(16).toString("hex");
  const child = spawn(process.execPath, [`--max-old-space-size=${asked.memory}`, __filename, "callee"], {
    stdio: ["pipe", "ignore", "ignore", "pipe"],
  });
  const ended = { loaded: false, late: false, why: "it ended the process" };
  return new Promise((done) => {
    let timer;
    const patience = (wait) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        ended.late = true;
        if (!ended.loaded) ended.why = "loading it found no end";
        child.kill("SIGKILL");
      }, wait);
    };
    const stop = () => {
      clearTimeout(timer);
      child.stdio[3].destroy();
      child.kill("SIGKILL");
      done(ended);
    };
    let rest = "";
    let left = asked.calls.length;
    child.stdio[3].setEncoding("utf8");
    child.stdio[3].on("data", (piece) => {
      const lines = (rest + piece).split("\n");
      rest = lines.pop().slice(-(1 << 20));
      for (const line of lines.filter((line) => line.startsWith(mark))) {
        const said = Object(JSON.parse(line.slice(mark.length)));
        patience(limitOf(asked) + 1000);
        if (said.why !== undefined) ended.why = String(said.why);
        else if (said.loaded) ended.loaded = true;
        else if (said.again) continue;
        else if (left === 0 || !take(said) || (left -= 1) === 0) return stop();
      }
    });
    child.stdio[3].on("end", stop);
    // What it started itself may keep the descriptor open.
    child.on("exit", () => setTimeout(stop, 200));
    child.on("error", (error) => {
      ended.why = `node cannot be started again: ${error.message}`;
      stop();
    });
    child.stdin.on("error", () => {});
    child.stdin.end(JSON.stringify({ ...asked, mark }));
    patience(LOADING);
  });
}

/** Twice: while a call runs, and while a promise of it is waited for. */
function limitOf({ limit }) {
  return 2 * limit;
}

/** In the other process: loads the file and answers call by call. */
async function callee() {
  const { file, calls, limit, most, still, mark } = JSON.parse(fs.readFileSync(0, "utf8"));
  const [write, text, exit] = [fs.writeSync, JSON.stringify, process.reallyExit.bind(process)];
  const report = (what) => write(3, `\n${mark}${text(what)}\n`);
  process.on("unhandledRejection", () => {});
  process.on("uncaughtException", () => {});
  process.argv.splice(1, process.argv.length, file);
  let loaded;
  try {
    loaded = await load(file);
  } catch (error) {
    const first = String(error?.message ?? error).split("\n")[0];
    report({ why: error?.constructor === Error ? first : `${nameOf(Object(error))}: ${first}` });
    exit(0);
  }
  if (still) stopClocks();
  report({ loaded: true });
  for (const call of calls) {
    const once = () => answered(call, loaded, limit).catch(() => ({ end: "unreadable", text: "" }));
    let answer = await once();
    // The time on the wall was over, and others had had it.
    for (let tries = 0; answer.starved && tries < 3; tries += 1) {
      report({ again: true });
      answer = await once();
    }
    report({ ...answer, text: cut(answer.text, most) });
  }
  exit(0);
}

async function answered(call, loaded, limit) {
  const { run, values } = prepared(call, loaded) ?? {};
  if (!run) return { end: "unreadable", text: "" };
  const before = values && shown(values);
  Math.random = chance(1);
  const made = await within(run, limit);
  // What is made step by step is made here, which takes its time too.
  const got = made.end === "value" ? await within(() => shown(made.value), limit) : made;
  if (got.end === "slow") return { end: "slow", text: "", starved: got.starved };
  if (got.end === "raise") {
    const message = String(got.error?.message ?? got.error).split("\n")[0];
    return { end: "raise", text: nameOf(Object(got.error)), kinds: kinds(got.error), message: message.slice(0, 200) };
  }
  const after = values && shown(values);
  const changed = before === after ? "" : ` and changes its arguments to ${after}`;
  const printed = typeof made.value === "string" ? made.value : undefined;
  return { end: "value", text: (made.waited ? "a promise of " : "") + got.value + changed, got: got.value, printed };
}

/** What makes the call; of a call with nothing but literals also its arguments. Nothing where its names mean nothing. */
function prepared(call, { scope, exported }) {
  const [begin, name] = /^([A-Za-z_$][\w$]*)\s*\(/.exec(call) ?? [];
  if (!begin || !call.endsWith(")")) return null;
  const called = scope(`typeof ${name}`) === "undefined" ? exported?.[name] : scope(name);
  if (typeof called !== "function") return null;
  try {
    const text = `[${call.slice(begin.length, -1)}]`;
    const { value, end } = literal(text);
    if (end === text.length) return { run: () => called(...value), values: value };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
  }
  return namesOf(call).every((name) => name in globalThis || scope(`typeof ${name}`) !== "undefined")
    ? { run: () => scope(call) }
    : null;
}

/** The names in an expression that mean something outside it. */
function namesOf(expression) {
  const code = expression.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\$]|\\.)*`/g, '""').replace(/\.\.\./g, " ");
  const own = new Set(["new", "typeof", "true", "false", "null", "undefined", "await", "async"]);
  for (const [, one, several] of code.matchAll(/(?:([A-Za-z_$][\w$]*)|\(([^()]*)\))\s*=>/g)) {
    for (const [name] of (one ?? several).matchAll(/[A-Za-z_$][\w$]*/g)) own.add(name);
  }
  const names = [];
  for (const [, key, name] of code.matchAll(/(?<![\w$.])(?:(?<=[{,]\s*)([A-Za-z_$][\w$]*)\s*:|([A-Za-z_$][\w$]*))/g)) {
    if (!key && !own.has(name)) names.push(name);
  }
  return names;
}

const CALL = Symbol("call");
const script = new vm.Script("(0, globalThis)[Symbol.for('baton call')]()");
const usage = process.cpuUsage.bind(process);
const { setTimeout: later, clearTimeout: never } = globalThis;

/** What comes of `run` within so many milliseconds; of a promise, what it is kept with. */
async function within(run, limit) {
  const before = usage();
  globalThis[Symbol.for("baton call")] = run;
  try {
    const value = script.runInThisContext({ timeout: limit });
    if (!isPromise(value)) return { end: "value", value };
    let timer;
    const late = new Promise((done) => (timer = later(done, limit, CALL)));
    const kept = await Promise.race([value, late]);
    never(timer);
    return kept === CALL ? { end: "slow" } : { end: "value", value: kept, waited: true };
  } catch (error) {
    if (error?.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") return { end: "raise", error };
    const { user, system } = usage(before);
    return { end: "slow", starved: (user + system) / 1000 < limit / 5 };
  }
}

/** The names of the classes of what was thrown. */
function kinds(error) {
  const found = typeof error?.name === "string" ? [error.name] : [];
  for (let at = Object(error); at && found.length < 20; at = Object.getPrototypeOf(at)) found.push(nameOf(at));
  return found;
}

/** Numbers that look like chance and are the same for the same seed (mulberry32). */
function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Makes every clock stand still, so that two runs see the same. */
function stopClocks() {
  const date = Date;
  globalThis.Date = new Proxy(date, {
    construct: (target, given, made) => Reflect.construct(target, given.length > 0 ? given : [NOW], made),
    apply: () => new date(NOW).toString(),
    get: (target, key) => (key === "now" ? () => NOW : Reflect.get(target, key)),
  });
  performance.now = () => 0;
}

function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, most)}… ${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}

if (require.main === module && process.argv[2] === "callee") callee();

module.exports = { answers, chance };
