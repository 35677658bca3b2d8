"use strict";
// Calls functions of one JavaScript or TypeScript file with many inputs and says what each call did.
//
// Run inside the sandbox. One JSON object comes on stdin, one goes to stdout. With the same seed and the same inputs of tests
// the inputs are the same. What is said is used for one thing only: two runs that differ speak against a patch.

const fs = require("node:fs");
const path = require("node:path");
const { isDeepStrictEqual } = require("node:util");
const { answers, chance } = require("./calls.cjs");
const { ANYTHING, constants, invent, isClosed, parameters, textOf } = require("./types.cjs");
const { Unreadable, define, literal, whole, written } = require("./values.cjs");

const MOST_TEXT = 300;
/** A call's limit is told in seconds of processor time; what is measured here is time on the wall. */
const PATIENCE = 5000;
/** Milliseconds for all calls, loading included. */
const WALL = 8000;

/** What `read` gives, or nothing where it finds no literal. */
function tried(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** Arguments that tests and examples give the functions, by function. */
function harvest(paths, texts, functions) {
  const found = new Map(functions.map((name) => [name, []]));
  const sources = [...texts];
  for (const file of paths) {
    try {
      sources.push(fs.readFileSync(file, "utf8").slice(0, 1 << 20));
    } catch {
      // It is gone, or no text.
    }
  }
  for (const source of sources) {
    let tables;
    for (const match of source.matchAll(/(?<![\w$])([A-Za-z_$][\w$]*)\s*(?=\()/g)) {
      const kept = found.get(match[1]);
      if (!kept || /function\s*\*?\s*$/.test(source.slice(0, match.index))) continue;
      const given = argumentsAt(source, match.index + match[0].length);
      if (given.values) {
        kept.push(given.values);
        continue;
      }
      // Parameters of a table of cases: rows of that many values, or one more.
      tables ??= rows(source);
      for (const row of tables) {
        // What holds such rows is none.
        if (row.every((item) => Array.isArray(item) && item.length >= given.count)) continue;
        if (row.length === given.count + 1) kept.push(row.slice(0, given.count));
        else if (row.length === given.count && given.count > 1) kept.push(row);
      }
    }
  }
  for (const [name, kept] of found) found.set(name, unique(kept).slice(0, 200));
  return found;
}

/** The literal arguments in the brackets at `at`; where they are not literals, how many there are. */
function argumentsAt(source, at) {
  const text = inside(source, at);
  const values = tried(() => whole(`[${text}]`));
  if (values) return { values };
  let [depth, count] = [0, 1];
  for (const c of text) {
    depth += "([{".includes(c) - ")]}".includes(c);
    if (depth === 0 && c === ",") count += 1;
  }
  return { count };
}

/** What stands in the round brackets at `at`. */
function inside(source, at) {
  let [depth, quote] = [0, ""];
  for (let end = at; end < source.length && end < at + 4000; end += 1) {
    const c = source[end];
    if (c === "\\") end += 1;
    else if (quote) quote = c === quote ? "" : quote;
    else if ("\"'`".includes(c)) quote = c;
    else if ("([{".includes(c)) depth += 1;
    else if (")]}".includes(c) && (depth -= 1) === 0) return source.slice(at + 1, end);
  }
  return "…";
}

/** Every list of literals in a text. */
function rows(source) {
  const found = [];
  for (let at = source.indexOf("["); at >= 0 && found.length < 2000; at = source.indexOf("[", at + 1)) {
    const row = tried(() => literal(source, at).value);
    if (Array.isArray(row)) found.push(row);
  }
  return found;
}

function unique(values) {
  const kept = new Map();
  for (const value of values) {
    const text = tried(() => written(value));
    if (text !== undefined && text.length < 2000 && !kept.has(text)) kept.set(text, value);
  }
  return [...kept.values()];
}

/** Arguments by the declared types; nothing where one has none that can be read. */
function invented(declared, random, known) {
  if (!declared) return null;
  const made = [];
  for (const { type, optional } of declared) {
    if (optional && (!type || random() < 0.3)) break;
    if (!type) return null;
    const value = invent(type, random);
    made.push(type.kind === "near" && random() < 0.7 ? varied(value, random, known) : value);
  }
  return made;
}

/** A value near this one, of the same kind; `known` are values that the code uses. */
function varied(value, random, known) {
  const pick = (items) => items[Math.floor(random() * items.length)];
  const at = (length) => Math.floor(random() * length);
  const alike = known.filter((other) => typeof other === typeof value);
  if (alike.length > 0 && random() < 0.25) {
    const other = pick(alike);
    if (typeof value !== "string") return other;
    const place = at(value.length + 1);
    return value.slice(0, place) + other + value.slice(place);
  }
  if (typeof value === "boolean") return !value;
  if (typeof value === "bigint") return pick([value + 1n, value ? value - 1n : 1n, value * 2n]);
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return pick([value + 1, value - 0.5, value * 2, value / 2, Math.round(value)]);
    const far = 2 + at(8);
    // What is never below zero in the examples may not be meant to be.
    const less = value < 0 ? value - far : Math.max(0, value - far);
    return pick([value + 1, value ? value - 1 : 1, value * 2, value + far, less]);
  }
  if (typeof value === "string") {
    if (!value) return pick(["a", "A b"]);
    const place = at(value.length);
    const [before, here, after] = [value.slice(0, place), value[place], value.slice(place + 1)];
    const swapped = here === here.toUpperCase() ? here.toLowerCase() : here.toUpperCase();
    return pick([
      before + after,
      before + here + here + after,
      [...value].reverse().join(""),
      before + pick(value) + after,
      value + pick(value),
      before + pick(ANYTHING) + value.slice(place + at(2)),
      before + swapped + after,
      before,
    ]);
  }
  if (Array.isArray(value)) return variedList(value, random, known);
  if (value instanceof Set) return new Set(variedList([...value], random, known));
  if (value instanceof Map) return new Map(variedEntries([...value], random, known));
  if (value instanceof Date) return new Date(value.getTime() + pick([1, -1, 86400000, -86400000 * 31]));
  if (typeof value === "object" && value && !(value instanceof RegExp)) {
    const changed = {};
    for (const [key, item] of variedEntries(Object.entries(value), random, known)) define(changed, key, item);
    return changed;
  }
  return value;
}

function variedEntries(entries, random, known) {
  if (entries.length === 0) return entries;
  const place = Math.floor(random() * entries.length);
  return entries.map(([key, item], index) => [key, index === place ? varied(item, random, known) : item]);
}

function variedList(value, random, known) {
  const items = [...value];
  if (items.length === 0) return items;
  const place = Math.floor(random() * items.length);
  switch (Math.floor(random() * 7)) {
    case 0: items.splice(place, 1); break;
    case 1: items.splice(place, 0, items[place]); break;
    case 2: items.reverse(); break;
    case 3: items[place] = varied(items[place], random, known); break;
    case 4: items.push(...items.splice(0, place)); break;
    case 5: items.push(varied(items[place], random, known)); break;
    default: items.length = place;
  }
  return items;
}

/** Texts of arguments for one function. */
function variations(declared, known, seeds, count, random) {
  const made = new Map();
  const vary = (value, place) => {
    const type = declared?.[place]?.type;
    return isClosed(type) ? invent(type, random) : varied(value, random, known);
  };
  const add = (values) => {
    const text = tried(() => written(values).slice(1, -1));
    // What cannot be written as a text cannot be called again.
    const same = text !== undefined && text.length < 600 && isDeepStrictEqual(tried(() => whole(`[${text}]`)), values);
    if (same && !made.has(text)) made.set(text, values);
  };
  seeds.forEach(add);
  const pick = (items) => items[Math.floor(random() * items.length)];
  for (let tries = 0; tries < count * 6 && made.size < count; tries += 1) {
    let values = seeds.length === 0 || random() < 0.1 ? invented(declared, random, known) : null;
    if (values) values = values.map((value, place) => (random() < 0.3 ? vary(value, place) : value));
    else if (seeds.length === 0) break;
    else {
      // Variations of variations lead further away, one step at a time.
      values = [...pick(random() < 0.4 ? [...made.values()] : seeds)];
      for (let step = pick([1, 1, 2, 3]); step > 0 && values.length > 0; step -= 1) {
        const place = Math.floor(random() * values.length);
        values[place] = vary(values[place], place);
      }
    }
    add(values);
  }
  return [...made.keys()];
}

/** The calls to make, as source text: what tests and examples call, then variations of it and inventions. */
function inputs(setup, source) {
  const random = chance(setup.seed);
  const seeds = harvest(setup.tests, setup.examples, setup.functions);
  const count = Math.floor(setup.count / setup.functions.length);
  return setup.functions.flatMap((name) => {
    const found = textOf(source, name);
    const declared = found && parameters(found, source);
    const known = found ? constants(found.text) : [];
    return variations(declared, known, seeds.get(name), count, random).map((text) => `${name}(${text})`);
  });
}

async function main() {
  const setup = JSON.parse(fs.readFileSync(0, "utf8"));
  const root = process.cwd();
  const at = (file) => path.resolve(root, file);
  process.chdir(at(setup.cwd));
  const file = at(setup.file);
  const source = fs.readFileSync(file, "utf8");
  const calls = setup.calls.length > 0 ? setup.calls : inputs({ ...setup, tests: setup.tests.map(at) }, source);
  const ask = { file, calls, limit: setup.limit * PATIENCE, memory: setup.memory >> 20, most: MOST_TEXT, wall: WALL, still: true };
  const { seen, why } = await answers(ask);
  // What cannot be called at all does nothing in the same way for ever.
  const made = seen.map(({ end, text }, index) => [calls[index], [end, text]]);
  const told = setup.calls.length > 0 ? made : made.filter(([, [end]]) => end !== "unreadable");
  const said = { calls: told.map(([call]) => call), seen: told.map(([, what]) => what) };
  const line = JSON.stringify(why ? { ...said, why: `it cannot be loaded: ${why}` } : said);
  process.stdout.write(line, () => process.exit(0));
}

main();
