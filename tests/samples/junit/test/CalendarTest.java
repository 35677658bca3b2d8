import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class CalendarTest {
    @Test
    void takesEveryFourthYear() {
        assertTrue(Calendar.isLeap(2024));
    }

    @Test
    void leavesOutCenturies() {
        assertFalse(Calendar.isLeap(1900));
    }

    @Test
    void keepsEveryFourthCentury() {
        assertTrue(Calendar.isLeap(2000));
    }
}
