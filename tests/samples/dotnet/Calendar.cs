public static class Calendar
{
    public static bool IsLeap(int year) => year % 4 == 0;
}
