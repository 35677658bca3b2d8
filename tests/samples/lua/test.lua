local calendar = require("calendar")

assert(calendar.is_leap(2024), "takes every fourth year")
assert(not calendar.is_leap(1900), "leaves out centuries")
assert(calendar.is_leap(2000), "keeps every fourth century")
