package org.example;

public final class Calendar {
    private Calendar() {}

    public static boolean isLeap(int year) {
        return year % 4 == 0;
    }
}
