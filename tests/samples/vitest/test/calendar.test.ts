import { describe, expect, it } from "vitest";
import { isLeap } from "../src/calendar";

describe("isLeap", () => {
  it("takes every fourth year", () => expect(isLeap(2024)).toBe(true));
  it("leaves out centuries", () => expect(isLeap(1900)).toBe(false));
  it("keeps every fourth century", () => expect(isLeap(2000)).toBe(true));
});
