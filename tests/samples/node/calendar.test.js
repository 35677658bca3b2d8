import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLeap } from "./calendar.js";

describe("isLeap", () => {
  it("takes every fourth year", () => assert.equal(isLeap(2024), true));
  it("leaves out centuries", () => assert.equal(isLeap(1900), false));
  it("keeps every fourth century", () => assert.equal(isLeap(2000), true));
});
