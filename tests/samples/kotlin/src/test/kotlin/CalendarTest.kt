import kotlin.test.Test
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class CalendarTest {
    @Test fun takesEveryFourthYear() = assertTrue(isLeap(2024))

    @Test fun leavesOutCenturies() = assertFalse(isLeap(1900))

    @Test fun keepsEveryFourthCentury() = assertTrue(isLeap(2000))
}
