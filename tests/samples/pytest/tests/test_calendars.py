from calendars import is_leap


def test_takes_every_fourth_year():
    assert is_leap(2024)


def test_leaves_out_centuries():
    assert not is_leap(1900)


def test_keeps_every_fourth_century():
    assert is_leap(2000)
