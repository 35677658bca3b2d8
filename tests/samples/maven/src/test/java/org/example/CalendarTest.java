package org.example;

import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public class CalendarTest {
    @Test
    public void takesEveryFourthYear() {
        assertTrue(Calendar.isLeap(2024));
    }

    @Test
    public void leavesOutCenturies() {
        assertFalse("1900", Calendar.isLeap(1900));
    }

    @Test
    public void keepsEveryFourthCentury() {
        assertTrue(Calendar.isLeap(2000));
    }
}
