require "calendar"

RSpec.describe Calendar do
  describe ".leap?" do
    it("takes every fourth year") { expect(Calendar.leap?(2024)).to be(true) }
    it("leaves out centuries") { expect(Calendar.leap?(1900)).to be(false) }
    it("keeps every fourth century") { expect(Calendar.leap?(2000)).to be(true) }
  end
end
