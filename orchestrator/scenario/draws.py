"""Arithmetic that gives the same integers on every machine, in every language.

Draws come from BLAKE2b (RFC 7693), never from a generator whose algorithm may change. Logarithms
and exponentials are decimal and correctly rounded (General Decimal Arithmetic Specification,
``ln`` and ``exp``), because those of two C libraries differ in the last bit.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction
from itertools import accumulate

WORD = 1 << 64
"""A drawn word w stands for the fraction w / WORD, in [0, 1)."""

_DECIMAL = Context(prec=20)
_WORDS = struct.Struct(">8Q")


def words(seed: int, purpose: str, index: int) -> tuple[int, ...]:
    """Eight independent 64-bit words for one thing to be drawn."""
    return _WORDS.unpack(hashlib.blake2b(f"{seed}/{purpose}/{index}".encode()).digest())


def rational(value: float) -> Fraction:
    """The number as it was written in the file: 0.1 is a tenth, not the float next to it."""
    return Fraction(repr(value))


def uniform(word: int, low: int, high: int) -> int:
    """An integer from `low` to `high`, both included."""
    return low + word * (high - low + 1) // WORD


class LogUniform:
    """Integers of which each octave between `low` and `high` is as likely as any other."""

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high
        self._ln_low = _DECIMAL.ln(low)
        self._ln_ratio = _DECIMAL.subtract(_DECIMAL.ln(high), self._ln_low)

    def at(self, word: int) -> int:
        """low * (high / low) ** (word / WORD), to the nearest integer."""
        share = _DECIMAL.divide(word, WORD)
        value = _DECIMAL.exp(_DECIMAL.fma(share, self._ln_ratio, self._ln_low))
        return int(_DECIMAL.to_integral_value(value))


class Weighted:
    """A choice among as many places as there are weights."""

    def __init__(self, weights: Sequence[Fraction]) -> None:
        total = sum(weights)
        self._thresholds = [int(part * WORD / total) for part in accumulate(weights)]

    def at(self, word: int) -> int:
        """The place in which `word` falls; a weight of 0 is never chosen."""
        return bisect_right(self._thresholds, word)


def power_law(count: int, exponent: float) -> list[Fraction]:
    """The weights (k + 1) ** -exponent for k from 0, by exp(-exponent * ln(k + 1))."""
    factor = Decimal(repr(-exponent))
    logarithms = (_DECIMAL.ln(rank) for rank in range(1, count + 1))
    return [Fraction(_DECIMAL.exp(_DECIMAL.multiply(factor, ln))) for ln in logarithms]
