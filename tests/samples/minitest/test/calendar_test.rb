require "minitest/autorun"
require "calendar"

class CalendarTest < Minitest::Test
  def test_takes_every_fourth_year
    assert Calendar.leap?(2024)
  end

  def test_leaves_out_centuries
    refute Calendar.leap?(1900)
  end

  def test_keeps_every_fourth_century
    assert Calendar.leap?(2000)
  end
end
