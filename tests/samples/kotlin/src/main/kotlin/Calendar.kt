fun isLeap(year: Int): Boolean = year % 4 == 0
