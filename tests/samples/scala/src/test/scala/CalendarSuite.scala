class CalendarSuite extends munit.FunSuite {
  test("takes every fourth year")(assert(Calendar.isLeap(2024)))
  test("leaves out centuries")(assert(!Calendar.isLeap(1900)))
  test("keeps every fourth century")(assert(Calendar.isLeap(2000)))
}
