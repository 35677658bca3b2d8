"use strict";
// Values as text and back, without running any of it: what documentation, tests and the other process write is read by a
// parser of its own that knows literals and nothing else.

class Unreadable extends Error {}

const DEEPEST = 40;
const WORDS = new Map([
  ["null", null], ["undefined", undefined], ["true", true], ["false", false], ["NaN", NaN], ["Infinity", Infinity],
]);
const ESCAPES = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", 0: "\0" };

/** Reads the literal that begins at `at`: its value, and where it ends. Throws Unreadable where none begins. */
function literal(text, at = 0) {
  const reader = new Reader(text, at);
  const value = reader.value(0);
  return { value, end: reader.at };
}

/** The value that the whole text is. */
function whole(text) {
  const { value, end } = literal(text);
  if (text.slice(end).trim() !== "") throw new Unreadable();
  return value;
}

// What may follow a value: the end, a mark and another part of the sentence, a remark, or a word that begins such a part.
// `2 items` is no 2, and `1, 2 or 3` no 1.
const CLOSED = new RegExp(
  "^[`)\\]}]*(?:;|[.,:!?]*(?:$|\\s*\\n)|[.,:!?]+\\s+(?!(?:or|true|false|null|undefined|NaN|Infinity)\\b)[A-Za-z(]|" +
    "\\s+(?:[(\"'`*#\u2014]|\\/\\/|\\/\\*|(?:for|when|because|and|but|if|since|instead|rather|not|while|where)\\b))",
);

/** The value that a sentence begins with: what follows must not go on with an expression. */
function leading(text) {
  const stripped = text.trim().replace(/^`+/, "");
  const { value, end } = literal(stripped);
  if (CLOSED.test(stripped.slice(end))) return value;
  throw new Unreadable();
}

class Reader {
  constructor(text, at) {
    this.text = text;
    this.at = at;
  }

  skip() {
    const space = /(?:\s+|\/\/[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*/y;
    space.lastIndex = this.at;
    this.at += space.exec(this.text)[0].length;
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at += found[0].length;
    return found;
  }

  eat(word) {
    this.skip();
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  need(word) {
    if (!this.eat(word)) throw new Unreadable();
  }

  value(depth) {
    if (depth > DEEPEST) throw new Unreadable();
    this.skip();
    const c = this.text[this.at];
    if (c === "[") return this.list("[", "]", depth);
    if (c === "{") return this.object(depth);
    if (c === '"' || c === "'" || c === "`") return this.string(c);
    if (c === "/") return this.regexp();
    if (this.eat("(")) {
      const value = this.value(depth + 1);
      this.need(")");
      return value;
    }
    if (c === "-" || c === "+") {
      this.at += 1;
      const value = this.value(depth + 1);
      if (typeof value === "bigint" && c === "-") return -value;
      if (typeof value !== "number") throw new Unreadable();
      return c === "-" ? -value : value;
    }
    const number = this.take(/(?:0[xob][\da-f_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:e[+-]?\d+)?|\.\d[\d_]*(?:e[+-]?\d+)?)(n?)(?![\w$])/iy);
    if (number) {
      const digits = number[0].replace(/_/g, "");
      if (!number[1]) return Number(digits);
      if (/[.e]/i.test(digits) && !/^0x/i.test(digits)) throw new Unreadable();
      return BigInt(digits.slice(0, -1));
    }
    const word = this.take(/[A-Za-z_$][\w$]*/y);
    if (!word) throw new Unreadable();
    if (WORDS.has(word[0])) return WORDS.get(word[0]);
    if (word[0] === "new") return this.made(depth);
    return this.printed(word[0], depth);
  }

  list(open, close, depth) {
    this.need(open);
    const items = [];
    while (!this.eat(close)) {
      items.push(this.value(depth + 1));
      if (!this.eat(",")) {
        this.need(close);
        break;
      }
    }
    return items;
  }

  object(depth) {
    this.need("{");
    const made = {};
    while (!this.eat("}")) {
      const key = this.key();
      this.need(":");
      define(made, key, this.value(depth + 1));
      if (!this.eat(",")) {
        this.need("}");
        break;
      }
    }
    return made;
  }

  key() {
    this.skip();
    const c = this.text[this.at];
    if (c === '"' || c === "'") return this.string(c);
    const word = this.take(/[A-Za-z_$][\w$]*|\d+/y);
    if (!word) throw new Unreadable();
    return word[0];
  }

  string(quote) {
    let made = "";
    for (this.at += 1; this.at < this.text.length; this.at += 1) {
      const c = this.text[this.at];
      if (c === quote) {
        this.at += 1;
        return made;
      }
      if ((c === "\n" && quote !== "`") || (c === "$" && quote === "`" && this.text[this.at + 1] === "{")) break;
      made += c === "\\" ? this.escape() : c;
    }
    throw new Unreadable();
  }

  /** The character that the escape at the backslash means; ends on its last byte. */
  escape() {
    const code = this.take(/\\(?:x([\da-f]{2})|u([\da-f]{4})|u\{([\da-f]{1,6})\})/iy);
    if (code) {
      this.at -= 1;
      const point = parseInt(code[1] ?? code[2] ?? code[3], 16);
      if (point > 0x10ffff) throw new Unreadable();
      return String.fromCodePoint(point);
    }
    this.at += 1;
    const c = this.text[this.at];
    if (c === "\n") return "";
    return c in ESCAPES ? ESCAPES[c] : c;
  }

  regexp() {
    const found = this.take(/\/((?:[^\/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([a-z]*)/y);
    try {
      if (found) return new RegExp(found[1], found[2]);
    } catch {
      // No pattern after all.
    }
    throw new Unreadable();
  }

  /** What follows `new`. */
  made(depth) {
    this.skip();
    const name = this.take(/(Map|Set|Date)\b/y);
    if (!name) throw new Unreadable();
    const given = this.list("(", ")", depth + 1);
    try {
      if (name[0] === "Date" && given.length > 0) return new Date(...given);
      if (name[0] === "Map" && given.length < 2) return new Map(given[0]);
      if (name[0] === "Set" && given.length < 2) return new Set(given[0]);
    } catch {
      // Its argument is of another kind.
    }
    throw new Unreadable();
  }

  /** What node itself prints: `Map(1) { 'a' => 1 }`, `Set(1) { 1 }`, `Point { x: 1 }`. */
  printed(name, depth) {
    const sized = this.take(/\(\d+\)(?=\s*[{\[])/y);
    this.skip();
    if (sized && this.text[this.at] === "[") return this.list("[", "]", depth + 1);
    if (sized && name === "Set") return new Set(this.list("{", "}", depth + 1));
    if (sized && name === "Map") {
      const made = new Map();
      this.need("{");
      while (!this.eat("}")) {
        const key = this.value(depth + 1);
        this.need("=>");
        made.set(key, this.value(depth + 1));
        if (!this.eat(",")) {
          this.need("}");
          break;
        }
      }
      return made;
    }
    if (this.text[this.at] !== "{" || !/^[A-Z]/.test(name)) throw new Unreadable();
    return this.object(depth + 1);
  }
}

function define(object, key, value) {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** A text that `literal` reads as an equal value; throws Unreadable where the value has none. */
function written(value, depth = 0) {
  if (depth > DEEPEST) throw new Unreadable();
  const inner = (value) => written(value, depth + 1);
  switch (typeof value) {
    case "string": return JSON.stringify(value);
    case "number": return Object.is(value, -0) ? "-0" : String(value);
    case "bigint": return `${value}n`;
    case "boolean": case "undefined": return String(value);
    case "object": break;
    default: throw new Unreadable();
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(inner).join(", ")}]`;
  if (value instanceof Map) return `new Map([${[...value].map(inner).join(", ")}])`;
  if (value instanceof Set) return `new Set([${[...value].map(inner).join(", ")}])`;
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (value instanceof RegExp) return String(value);
  return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${inner(item)}`).join(", ")}}`;
}

/** A text that is equal for equal values, whatever they are. */
function shown(value, depth = 0, above = []) {
  const inner = (item) => shown(item, depth + 1, [...above, value]);
  switch (typeof value) {
    case "string": return JSON.stringify(value);
    case "number": return number(value);
    case "bigint": return `${value}n`;
    case "function": return "[function]";
    case "symbol": return `[${String(value)}]`;
    case "object": break;
    default: return String(value);
  }
  if (value === null) return "null";
  if (depth > 20 || above.includes(value)) return "…";
  const name = nameOf(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const items = Array.prototype.slice.call(value, 0, 1000).map(inner).join(", ");
    return name === "Array" ? `[${items}]` : `${name}(${value.length}) [${items}]`;
  }
  if (value instanceof Map) {
    const items = [...value].slice(0, 1000).map(([key, item]) => `${inner(key)} => ${inner(item)}`);
    return `Map(${value.size}) {${items.join(", ")}}`;
  }
  if (value instanceof Set) return `Set(${value.size}) {${[...value].slice(0, 1000).map(inner).join(", ")}}`;
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (value instanceof RegExp) return String(value);
  // Its stack names lines.
  if (value instanceof Error) return `[${name}: ${value.message}]`;
  if (value instanceof Promise) return "[promise]";
  if (typeof value[Symbol.iterator] === "function" && typeof value.next === "function") {
    const items = [];
    for (const item of value) if (items.push(inner(item)) === 200) break;
    return `[iterator] [${items.join(", ")}]`;
  }
  const items = Object.entries(value).slice(0, 1000).map(([key, item]) => `${JSON.stringify(key)}: ${inner(item)}`);
  return `${name === "Object" ? "" : `${name} `}{${items.join(", ")}}`;
}

/** To twelve digits, as sums in another order differ in the last; and nothing has no sign. */
function number(value) {
  return String(Number.isInteger(value) || !Number.isFinite(value) ? value : Number(value.toPrecision(12)));
}

function nameOf(value) {
  const made = Object.getPrototypeOf(value)?.constructor;
  return typeof made === "function" && typeof made.name === "string" && made.name ? made.name : "Object";
}

module.exports = { Unreadable, define, leading, literal, nameOf, shown, whole, written };
