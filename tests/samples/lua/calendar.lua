local calendar = {}

function calendar.is_leap(year)
  return year % 4 == 0
end

return calendar
