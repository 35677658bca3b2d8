"use strict";
// The parameters of a function as its text declares them, by TypeScript's types or JSDoc's, and values of those types.
// Nothing is loaded: what cannot be read has no value.

const { Unreadable, define, literal, whole } = require("./values.cjs");

const DEEPEST = 6;
/** What a text may hold that none of the known ones does. */
const ANYTHING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-_()[]\n";

/** The text of an outermost function, with the comment above it; nothing where it is not found. */
function textOf(source, name) {
  const named = name.replace(/\$/g, "\\$");
  const begin = new RegExp(
    `^(?:export\\s+)?(?:default\\s+)?(?:(?:async\\s+)?function\\s*\\*?\\s*${named}\\s*(?=[<(])|(?:const|let|var)\\s+${named}\\s*(?::[^=]*)?=\\s*(?:async\\s*)?(?:function\\s*\\*?\\s*[\\w$]*\\s*)?(?=[<(]|[\\w$]+\\s*=>))`,
    "m",
  ).exec(source);
  if (!begin) return null;
  const at = begin.index + begin[0].length;
  const end = source.slice(at).search(/\n(?=[A-Za-z/@])/);
  const before = source.slice(0, begin.index);
  const comment = /\/\*\*(?:[^*]|\*(?!\/))*\*\/\s*$/.exec(before);
  return { text: end < 0 ? source.slice(at) : source.slice(at, at + end), comment: comment?.[0] ?? "" };
}

/** What the text of a function compares with or uses, and values beside it: where behaviour changes. */
function constants(text) {
  const found = [];
  for (const [, digits] of text.matchAll(/(?<![\w.$])(\d+(?:\.\d+)?)(?![\w.$])/g)) {
    found.push(Number(digits), Number(digits) + 1, Number(digits) - 1);
  }
  for (const { index } of text.matchAll(/["']/g)) {
    try {
      const { value } = literal(text, index);
      if (value.length < 20) found.push(value);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
    }
  }
  return found;
}

/** The parameters: `{type, optional}` each, the type null where none can be read; null where they cannot be read at all. */
function parameters({ text, comment }, source) {
  const documented = documentedTypes(comment);
  const reader = new Types(text, source);
  try {
    if (reader.sees("<")) reader.pair("<", ">");
    if (!reader.sees("(")) return [{ type: documented.get(reader.word())?.type ?? null, optional: false }];
    reader.need("(");
    const found = [];
    while (!reader.eat(")")) {
      if (reader.eat("...")) return found;
      const named = reader.sees("{") || reader.sees("[") ? reader.pattern() : reader.word();
      const told = documented.get(named);
      let [type, optional] = [told?.type ?? null, told?.optional ?? false];
      if (reader.eat("?")) optional = true;
      if (reader.eat(":")) type = reader.type(0);
      if (reader.eat("=")) {
        optional = true;
        const value = reader.otherwise();
        if (!type && value !== undefined) type = { kind: "near", value };
      }
      found.push({ type, optional });
      if (!reader.eat(",")) reader.need(")");
      else continue;
      break;
    }
    return found;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return null;
  }
}

/** The types that `@param` gives, by name. */
function documentedTypes(comment) {
  const found = new Map();
  const text = comment.replace(/^[ \t]*\*(?!\/)/gm, "");
  for (const { index, 0: begin } of text.matchAll(/@param\s*(?=\{)/g)) {
    const reader = new Types(text.slice(index + begin.length), "");
    try {
      reader.need("{");
      if (reader.eat("...")) continue;
      const type = reader.type(0);
      let optional = reader.eat("=");
      reader.need("}");
      if (reader.eat("[")) optional = true;
      found.set(reader.word(), { type, optional });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
    }
  }
  return found;
}

/** A reader of types; `source` is where the names of types are declared. */
class Types {
  constructor(text, source) {
    this.text = text;
    this.source = source;
    this.at = 0;
  }

  rest() {
    const space = /(?:\s+|\/\/[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*/y;
    space.lastIndex = this.at;
    this.at += space.exec(this.text)[0].length;
    return this.text.slice(this.at, this.at + 300);
  }

  sees(word) {
    return this.rest().startsWith(word);
  }

  eat(word) {
    if (!this.sees(word)) return false;
    this.at += word.length;
    return true;
  }

  need(word) {
    if (!this.eat(word)) throw new Unreadable();
  }

  word() {
    const found = /^[A-Za-z_$][\w$]*/.exec(this.rest());
    if (!found) throw new Unreadable();
    this.at += found[0].length;
    return found[0];
  }

  literal() {
    this.rest();
    const { value, end } = literal(this.text, this.at);
    this.at = end;
    return value;
  }

  /** Goes over what stands for an argument that is not given; its value, where it is a literal. */
  otherwise() {
    const begin = this.at;
    for (let depth = 0; depth > 0 || !/[,)]/.test(this.text[this.at]); this.at += 1) {
      const c = this.text[this.at];
      if (c === undefined) throw new Unreadable();
      depth += "([{".includes(c) - ")]}".includes(c);
    }
    try {
      return whole(this.text.slice(begin, this.at));
    } catch (error) {
      if (error instanceof Unreadable) return undefined;
      throw error;
    }
  }

  /** Goes over what stands in brackets. */
  pair(open, close) {
    this.need(open);
    for (let depth = 1; depth > 0; this.at += 1) {
      const c = this.text[this.at];
      if (c === undefined) throw new Unreadable();
      depth += (c === open) - (c === close);
    }
  }

  pattern() {
    return this.sees("{") ? this.pair("{", "}") : this.pair("[", "]");
  }

  type(depth) {
    if (depth > DEEPEST) throw new Unreadable();
    this.eat("|");
    const any = [];
    do {
      const nullable = this.eat("?") && any.push({ kind: "value", value: null });
      any.push(this.one(depth));
      if (!nullable) this.eat("!");
    } while (this.eat("|"));
    return any.length === 1 ? any[0] : { kind: "any", of: any };
  }

  one(depth) {
    let made = this.primary(depth);
    while (this.sees("[")) {
      this.need("[");
      this.need("]");
      made = { kind: "list", of: made };
    }
    return made;
  }

  primary(depth) {
    if (this.eat("(")) {
      const made = this.type(depth + 1);
      this.need(")");
      if (this.sees("=>")) throw new Unreadable();
      return made;
    }
    if (this.sees("{")) return this.members(depth);
    if (this.eat("[")) {
      const items = [];
      while (!this.eat("]")) {
        if (/^[\w$]+\s*\??:/.test(this.rest())) {
          this.word();
          this.eat("?");
          this.need(":");
        }
        items.push(this.type(depth + 1));
        if (!this.eat(",") && !this.sees("]")) throw new Unreadable();
      }
      return { kind: "tuple", of: items };
    }
    if (/^["'\d-]/.test(this.rest())) return { kind: "value", value: this.literal() };
    const name = this.word();
    if (name === "readonly") return this.one(depth);
    if (["number", "string", "boolean", "bigint", "Date"].includes(name)) return { kind: name };
    if (["null", "undefined", "true", "false"].includes(name)) {
      return { kind: "value", value: { null: null, undefined, true: true, false: false }[name] };
    }
    const of = this.arguments(depth);
    const kind = { Array: "list", ReadonlyArray: "list", Iterable: "list", Set: "set", ReadonlySet: "set", Map: "map", ReadonlyMap: "map", Record: "record", Object: "record" }[name];
    const wanted = { list: 1, set: 1, map: 2, record: 2 }[kind];
    if (kind && of.length === wanted) return { kind, of: of[wanted - 1], by: of[0] };
    if (name === "Partial" && of.length === 1) return of[0];
    if (kind || of.length > 0) throw new Unreadable();
    return this.declared(name, depth);
  }

  arguments(depth) {
    this.eat(".<") ? (this.at -= 1) : undefined;
    const of = [];
    if (!this.eat("<")) return of;
    do of.push(this.type(depth + 1));
    while (this.eat(","));
    this.need(">");
    return of;
  }

  members(depth) {
    this.need("{");
    const of = [];
    while (!this.eat("}")) {
      this.rest().startsWith("readonly ") && this.word();
      const name = /^["']/.test(this.rest()) ? this.literal() : this.word();
      const optional = this.eat("?");
      this.need(":");
      of.push({ name, optional, type: this.type(depth + 1) });
      if (!this.eat(",") && !this.eat(";") && !this.sees("}") && !/\n\s*$/.test(this.text.slice(0, this.at))) throw new Unreadable();
    }
    return { kind: "object", of };
  }

  /** A type that the file declares itself. */
  declared(name, depth) {
    const begin = new RegExp(`^(?:export\\s+)?(?:type\\s+${name}\\s*=|interface\\s+${name}\\s*(?=\\{))`, "m").exec(this.source);
    if (!begin) throw new Unreadable();
    const reader = new Types(this.source, this.source);
    reader.at = begin.index + begin[0].length;
    return reader.type(depth + 1);
  }
}

/** A value of a type. */
function invent(type, chance) {
  const pick = (items) => items[Math.floor(chance() * items.length)];
  const between = (low, high) => low + Math.floor(chance() * (high - low + 1));
  const several = (most) => Array.from({ length: between(0, most) }, () => invent(type.of, chance));
  switch (type.kind) {
    case "value": case "near": return type.value;
    case "number": return pick([0, 1, 2, 3, 5, 10, -1, 0.5, between(-50, 200), Math.round(chance() * 4000 - 2000) / 100]);
    case "string": return Array.from({ length: between(0, 8) }, () => pick(ANYTHING)).join("");
    case "boolean": return chance() < 0.5;
    case "bigint": return BigInt(between(-50, 200));
    case "Date": return new Date(between(0, 2_000_000_000) * 1000);
    case "any": return invent(pick(type.of), chance);
    case "list": return several(5);
    case "set": return new Set(several(5));
    case "map": return new Map(several(4).map((value) => [invent(type.by, chance), value]));
    case "tuple": return type.of.map((item) => invent(item, chance));
    case "record": {
      const made = {};
      for (const value of several(4)) define(made, String(invent(type.by, chance)), value);
      return made;
    }
    default: {
      const made = {};
      for (const { name, optional, type: inner } of type.of) {
        if (!optional || chance() < 0.7) define(made, name, invent(inner, chance));
      }
      return made;
    }
  }
}

/** Whether the type names its values: one beside them is none of it. */
function isClosed(type) {
  return type?.kind === "value" || (type?.kind === "any" && type.of.some(isClosed));
}

module.exports = { ANYTHING, constants, invent, isClosed, parameters, textOf };
