"""HdrHistogram's arithmetic on whole columns: buckets with three digits, 1 us to 24 h.

The percentiles that are read off buckets here are those of the package hdrhistogram; it records
value by value, which is too slow for a million values in a thousand groups.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram

from analysis.history.columns import Ints

LOWEST_US: Final = 1
HIGHEST_US: Final = 86_400_000_000
DIGITS: Final = 3
SUB_BUCKET_BITS: Final = 11
"""HdrHistogram keeps three digits in 2,048 = 2^11 steps of each power of two."""
HALF: Final = 1 << (SUB_BUCKET_BITS - 1)
NUMBER_BITS: Final = 15
"""Enough for the number of any bucket up to 24 h."""
NUMBERS: Final = 1 << NUMBER_BITS
PIECE: Final = 1 << 16
"""So many values at a time: what is made of them on the way fits into the processor's cache."""

_HEADER: Final = struct.Struct(">II")
_STORED: Final = struct.Struct("<BHH")
_MOST_STORED: Final = 0xFFFF


def bucket_numbers(durations_us: Ints) -> Ints:
    """The number of each value's bucket; greater values never have a smaller number."""
    made = np.empty(len(durations_us), np.int16)
    for begin in range(0, len(durations_us), PIECE):
        made[begin : begin + PIECE] = _numbers_of_piece(durations_us[begin : begin + PIECE])
    return made


def _numbers_of_piece(durations_us: Ints) -> Ints:
    bits = np.frexp(durations_us.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(bits - SUB_BUCKET_BITS, 0)
    numbers: Ints = shift * HALF + (durations_us >> shift)
    return numbers


def _shift(numbers: Ints) -> Ints:
    return np.maximum(numbers // HALF - 1, 0)


def lowest_us(numbers: Ints) -> Ints:
    """The lowest value of each bucket."""
    shift = _shift(numbers)
    lowest: Ints = (numbers - shift * HALF) << shift
    return lowest


def highest_us(numbers: Ints) -> Ints:
    """The highest value of each bucket: what HdrHistogram tells as a percentile."""
    highest: Ints = lowest_us(numbers) + (np.int64(1) << _shift(numbers)) - 1
    return highest


def recorded(durations_us: Ints) -> HdrHistogram:
    """A histogram of the values; recording by buckets is thirty times cheaper than one by one."""
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value, count in zip(*(part.tolist() for part in bucketed(durations_us)), strict=True):
        taken = histogram.record_value(value, count)
        assert taken, f"{value} us is out of the histogram's range"
    return histogram


def bucketed(durations_us: Ints) -> tuple[Ints, Ints]:
    """The lowest value of each bucket that holds some value, and how many it holds."""
    counts = np.zeros(NUMBERS, np.int64)
    for begin in range(0, len(durations_us), PIECE):
        piece = _numbers_of_piece(durations_us[begin : begin + PIECE])
        counts += np.bincount(piece, minlength=NUMBERS)
    numbers = np.flatnonzero(counts)
    return lowest_us(numbers), counts[numbers]


def encoded(histogram: HdrHistogram) -> str:
    """The histogram in HdrHistogram's V2 format, base64: `HdrHistogram.decode` reads and adds it.

    Its zlib stream is stored without compression (RFC 1951, 3.2.4): what a compressor makes of
    it differs between builds of zlib, and a summary has the same bytes everywhere.
    """
    packed = base64.b64decode(histogram.encode())
    cookie, _ = _HEADER.unpack_from(packed)
    stream = _stored(zlib.decompress(packed[_HEADER.size :]))
    return base64.b64encode(_HEADER.pack(cookie, len(stream)) + stream).decode("ascii")


def _stored(payload: bytes) -> bytes:
    """`payload` as a zlib stream (RFC 1950) of stored blocks."""
    blocks = []
    for begin in range(0, len(payload), _MOST_STORED):
        block = payload[begin : begin + _MOST_STORED]
        is_last = begin + _MOST_STORED >= len(payload)
        blocks += [_STORED.pack(is_last, len(block), len(block) ^ _MOST_STORED), block]
    return b"".join([b"\x78\x01", *blocks, struct.pack(">I", zlib.adler32(payload))])
