"use strict";
// Loads a file of a project as the project would, and reaches into it: what a file keeps to itself is reached through a
// function that is compiled into it, in memory. Runs among foreign code.

const fs = require("node:fs");
const module_ = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const vm = require("node:vm");

const SCOPE = Symbol.for("baton scope");
/** Stands at the end of the file: evaluates a text where the file's own names mean what they mean in it. */
const TAIL = '\n;globalThis[Symbol.for("baton scope")] = function () { return eval(arguments[0]); };\n';
const TYPED = [".ts", ".tsx", ".mts", ".cts", ".jsx"];

/** What a file of modules looks like to who does not parse it. */
const MODULE_SYNTAX = /^\s*(?:import\s*[\w{*'"$]|export\s*[\w{*])/m;

/** Loads the file; gives what evaluates a text in it and what it exports. */
async function load(file) {
  const extension = path.extname(file);
  const typescript = TYPED.includes(extension) ? typescriptOf(file) : null;
  let exported;
  if (typescript) {
    compileAll(typescript, file);
    exported = require(file);
  } else if (TYPED.includes(extension) || isModule(file)) {
    hook(file, extension);
    exported = await import(pathToFileURL(file).href);
  } else {
    append(file);
    exported = require(file);
  }
  const scope = globalThis[SCOPE];
  delete globalThis[SCOPE];
  if (typeof scope !== "function") throw new Error("its names cannot be reached");
  return { scope, exported };
}

/** The project's own compiler, if it has one. */
function typescriptOf(file) {
  try {
    const typescript = module_.createRequire(file)("typescript");
    return typeof typescript.transpileModule === "function" ? typescript : null;
  } catch {
    return null;
  }
}

/** Whether node takes the file for a module with `import` and `export`. */
function isModule(file) {
  if (/\.m[jt]s$/.test(file)) return true;
  if (/\.c[jt]s$/.test(file)) return false;
  return packageType(file) === "module" || isModuleText(fs.readFileSync(file, "utf8"));
}

function packageType(file) {
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(at, "package.json"), "utf8")).type ?? "commonjs";
    } catch {
      // None here, or none that can be read.
    }
    if (at === path.dirname(at)) return "commonjs";
  }
}

function isModuleText(text) {
  if (!MODULE_SYNTAX.test(text) && !text.includes("import.meta")) return false;
  try {
    new vm.Script(module_.wrap(text.replace(/^#!.*/, "")));
    return false;
  } catch {
    return true;
  }
}

/** Lets the scope function be compiled into a CommonJS file. */
function append(file) {
  const compile = module_.prototype._compile;
  module_.prototype._compile = function (content, name, ...rest) {
    return compile.call(this, name === file ? content + TAIL : content, name, ...rest);
  };
}

/** Makes CommonJS of every file with types, and of every module, with the project's own compiler. */
function compileAll(typescript, file) {
  append(file);
  const { ModuleKind, ScriptTarget, JsxEmit } = typescript;
  const options = {
    module: ModuleKind.CommonJS,
    target: ScriptTarget.ES2022,
    jsx: has(file, "react/jsx-runtime") ? JsxEmit.ReactJSX : JsxEmit.React,
    esModuleInterop: true,
    allowJs: true,
    experimentalDecorators: true,
  };
  const compiled = (module, name) => {
    const text = fs.readFileSync(name, "utf8");
    const made = typescript.transpileModule(text, { fileName: name, compilerOptions: options });
    module._compile(made.outputText, name);
  };
  const plain = module_._extensions[".js"];
  for (const extension of TYPED) module_._extensions[extension] = compiled;
  for (const extension of [".js", ".mjs"]) {
    module_._extensions[extension] = (module, name) => (isModule(name) ? compiled : plain)(module, name);
  }
  const resolve = module_._resolveFilename;
  module_._resolveFilename = function (request, ...rest) {
    try {
      return resolve.call(this, request, ...rest);
    } catch (error) {
      // With types, `./a.js` means what `./a.ts` will become.
      const typed = /^\.{1,2}\/.*\.[mc]?jsx?$/.test(request) && request.replace(/js(x?)$/, "ts$1");
      if (!typed) throw error;
      return resolve.call(this, typed, ...rest);
    }
  };
}

function has(file, name) {
  try {
    module_.createRequire(file).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Lets the scope function be compiled into a module, and takes types away where this node can. */
function hook(file, extension) {
  const strips = typeof module_.stripTypeScriptTypes === "function" && [".ts", ".mts"].includes(extension);
  if (TYPED.includes(extension) && !strips) {
    const what = extension.endsWith("x") ? "JSX" : "TypeScript";
    throw new Error(`${what} needs the project's own typescript, or a node that takes types away (this is ${process.version})`);
  }
  if (typeof module_.register !== "function") throw new Error(`this node (${process.version}) is too old for it`);
  const source = `
    import fs from "node:fs";
    import module from "node:module";
    import { fileURLToPath } from "node:url";
    const ENDS = [".js", ".mjs", ".ts", ".mts", "/index.js", "/index.ts"];
    let given;
    export function initialize(data) { given = data; }
    export async function resolve(specifier, context, next) {
      try {
        return await next(specifier, context);
      } catch (error) {
        if (!/^\\.{1,2}(\\/|$)/.test(specifier)) throw error;
        const typed = specifier.replace(/js$/, "ts");
        for (const other of [typed, ...ENDS.map((end) => specifier + end)]) {
          try {
            return await next(other, context);
          } catch {
            // The next one, perhaps.
          }
        }
        throw error;
      }
    }
    export async function load(url, context, next) {
      const own = url.startsWith("file:") && !url.includes("/node_modules/") && /\\.m?[jt]s$/.test(url);
      if (!own) return next(url, context);
      const path = fileURLToPath(url);
      const text = fs.readFileSync(path, "utf8");
      const typed = /ts$/.test(url);
      const isFocus = path === given.file;
      if (!typed && !isFocus && !new RegExp(given.syntax, "m").test(text)) return next(url, context);
      const source = (typed ? module.stripTypeScriptTypes(text) : text) + (isFocus ? given.tail : "");
      return { format: "module", source, shortCircuit: true };
    }`;
  const data = { file: fs.realpathSync(file), tail: TAIL, syntax: MODULE_SYNTAX.source };
  module_.register(`data:text/javascript,${encodeURIComponent(source)}`, { parentURL: "file:///", data });
}

module.exports = { load };
