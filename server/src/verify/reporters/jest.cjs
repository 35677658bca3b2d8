// Shown to jest inside the sandbox: it names every test on a line of its own, as TAP. jest's own reporters mix
// results with what the tests print.
const path = require("node:path");

module.exports = class {
  constructor(config) {
    this.root = config.rootDir;
    this.count = 0;
    process.stdout.write("TAP version 13\n");
  }

  onTestResult(test, file) {
    const name = path.relative(this.root, test.path);
    if (file.testExecError) {
      this.point(false, [name], "", [file.failureMessage]);
    }
    for (const result of file.testResults) {
      const leftOut = ["pending", "todo", "skipped", "disabled"].includes(result.status);
      const passed = leftOut || result.status === "passed";
      this.point(passed, [name, ...result.ancestorTitles, result.title], leftOut ? " # SKIP" : "", result.failureMessages);
    }
  }

  onRunComplete() {
    process.stdout.write(`1..${this.count}\n`);
  }

  point(passed, names, directive, messages) {
    this.count += 1;
    const name = names.map((word) => word.replaceAll(/\s+/g, " ")).join(" > ");
    process.stdout.write(`${passed ? "ok" : "not ok"} ${this.count} - ${name}${directive}\n`);
    if (!passed) {
      const lines = messages.join("\n").split("\n").filter((line) => line.trim() && !/^\s+at /.test(line));
      process.stdout.write(`  ---\n  error: |-\n${lines.map((line) => `    ${line}\n`).join("")}  ...\n`);
    }
  }
};
