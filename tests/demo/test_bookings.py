import unittest

from bookings import free, merge


class Merge(unittest.TestCase):
    def test_apart(self):
        self.assertEqual(merge([(600, 630), (540, 570)]), [(540, 570), (600, 630)])

    def test_overlapping(self):
        self.assertEqual(merge([(540, 600), (570, 630)]), [(540, 630)])

    def test_inside(self):
        self.assertEqual(merge([(540, 660), (570, 600)]), [(540, 660)])

    def test_touching(self):
        self.assertEqual(merge([(540, 600), (600, 630)]), [(540, 630)])


class Free(unittest.TestCase):
    def test_between(self):
        self.assertEqual(free([(600, 660)], 540, 720), [(540, 600), (660, 720)])

    def test_nothing_booked(self):
        self.assertEqual(free([], 540, 720), [(540, 720)])


if __name__ == "__main__":
    unittest.main()
