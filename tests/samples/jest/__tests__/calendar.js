const { isLeap } = require("../src/calendar");

describe("isLeap", () => {
  test("takes every fourth year", () => expect(isLeap(2024)).toBe(true));
  test("leaves out centuries", () => expect(isLeap(1900)).toBe(false));
  test("keeps every fourth century", () => expect(isLeap(2000)).toBe(true));
});
