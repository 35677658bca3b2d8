local calendar = require("calendar")

describe("is_leap", function()
  it("takes every fourth year", function()
    assert.is_true(calendar.is_leap(2024))
  end)

  it("leaves out centuries", function()
    assert.is_false(calendar.is_leap(1900))
  end)

  it("keeps every fourth century", function()
    assert.is_true(calendar.is_leap(2000))
  end)
end)
