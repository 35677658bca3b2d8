import XCTest
@testable import Calendar

final class CalendarTests: XCTestCase {
    func testTakesEveryFourthYear() { XCTAssertTrue(isLeap(2024)) }
    func testLeavesOutCenturies() { XCTAssertFalse(isLeap(1900)) }
    func testKeepsEveryFourthCentury() { XCTAssertTrue(isLeap(2000)) }
}
