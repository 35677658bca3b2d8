<?php

use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/../src/Calendar.php';

final class CalendarTest extends TestCase
{
    public function testTakesEveryFourthYear(): void
    {
        $this->assertTrue(Calendar::isLeap(2024));
    }

    public function testLeavesOutCenturies(): void
    {
        $this->assertFalse(Calendar::isLeap(1900));
    }

    public function testKeepsEveryFourthCentury(): void
    {
        $this->assertTrue(Calendar::isLeap(2000));
    }
}
