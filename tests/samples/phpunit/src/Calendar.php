<?php

final class Calendar
{
    public static function isLeap(int $year): bool
    {
        return $year % 4 === 0;
    }
}
