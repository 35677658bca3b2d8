object Calendar {
  def isLeap(year: Int): Boolean = year % 4 == 0
}
