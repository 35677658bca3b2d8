"""Bookings of a meeting room, as (start, end) in minutes of the day."""


def merge(bookings):
    """Joins bookings that overlap or touch, in order of their start."""
    merged = []
    for start, end in sorted(bookings):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def free(bookings, opens, closes):
    """The gaps between `opens` and `closes` in which the room can still be had."""
    gaps = []
    at = opens
    for start, end in merge(bookings):
        if start > at:
            gaps.append((at, start))
        at = end
    if at < closes:
        gaps.append((at, closes))
    return gaps
