public func isLeap(_ year: Int) -> Bool {
    return year % 4 == 0
}
