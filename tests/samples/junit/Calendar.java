final class Calendar {
    static boolean isLeap(int year) {
        return year % 4 == 0;
    }
}
