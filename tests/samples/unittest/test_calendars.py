import unittest

from calendars import is_leap


class IsLeap(unittest.TestCase):
    def test_takes_every_fourth_year(self):
        self.assertTrue(is_leap(2024))

    def test_leaves_out_centuries(self):
        self.assertFalse(is_leap(1900))

    def test_keeps_every_fourth_century(self):
        self.assertTrue(is_leap(2000))
