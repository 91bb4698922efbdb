"""When the jobs of a stream come: the inverse of the cumulative rate, in exact arithmetic.

Job i comes when the curve's integral reaches i + u, with u drawn from [0, 1): so there are exactly
as many jobs as the integral says, one in each stratum of one job. All instants are integer
nanoseconds after T = 0; no float takes part.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import isqrt, lcm

from orchestrator.scenario.draws import WORD, rational
from orchestrator.scenario.types import Burst, Curve, Points, Ramp, Steady, WorkloadSettings

NS_PER_S = 1_000_000_000

_ROOT_BITS = 64
"""Binary places of a square root, so that its error stays far below a nanosecond."""

Corner = tuple[Fraction, Fraction]
"""(second, factor of the rate)."""


def corners(curve: Curve, duration_s: float) -> list[Corner]:
    """The curve as a line through points, from second 0 to `duration_s`."""
    one, end = Fraction(1), rational(duration_s)
    match curve:
        case Steady():
            return [(Fraction(0), one), (end, one)]
        case Ramp(from_factor=low, to_factor=high):
            return [(Fraction(0), rational(low)), (end, rational(high))]
        case Burst():
            begins, factor = rational(curve.from_s), rational(curve.factor)
            ends = begins + rational(curve.length_s)
            step = [(begins, one), (begins, factor), (ends, factor), (ends, one)]
            return [(Fraction(0), one), *step, (end, one)]
        case Points(points=points):
            line = [(rational(at_s), rational(factor)) for at_s, factor in points]
            return [*line, (end, line[-1][1])]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of the curve on which the rate is a straight line."""

    begin_ns: Fraction
    length_ns: Fraction
    first: Fraction
    """Jobs per nanosecond at the beginning."""
    last: Fraction
    before: Fraction
    """Jobs that came earlier."""

    @property
    def jobs(self) -> Fraction:
        return (self.first + self.last) / 2 * self.length_ns


class Arrivals:
    """The intended instants of one stream of jobs."""

    def __init__(self, settings: WorkloadSettings) -> None:
        pieces = _pieces(settings)
        self._begins = [_ceiling(piece.before * WORD) for piece in pieces]
        self._instants = [_instant(piece) for piece in pieces]
        total = pieces[-1].before + pieces[-1].jobs if pieces else Fraction(0)
        self.count: int | None = None if settings.endless else int(total)
        """How many jobs there are; None = endless."""

    def at_ns(self, index: int, word: int) -> int:
        """When job `index` comes, nanoseconds after T = 0; `word` places it in its stratum."""
        position = index * WORD + word
        piece = bisect_right(self._begins, position) - 1
        return self._instants[piece](position)


def peak_rate(settings: WorkloadSettings) -> Fraction:
    """The curve's highest rate, jobs per second."""
    factors = [factor for _, factor in corners(settings.curve, settings.duration_s)]
    return max(factors) * rational(settings.rate_per_s)


def _pieces(settings: WorkloadSettings) -> list[_Piece]:
    per_ns = rational(settings.rate_per_s) / NS_PER_S
    pieces, before = [], Fraction(0)
    for (begin_s, first), (end_s, last) in pairwise(corners(settings.curve, settings.duration_s)):
        piece = _Piece(
            begin_ns=begin_s * NS_PER_S,
            length_ns=(end_s - begin_s) * NS_PER_S,
            first=first * per_ns,
            last=last * per_ns,
            before=before,
        )
        if piece.jobs > 0:
            pieces.append(piece)
            before += piece.jobs
    return pieces


def _instant(piece: _Piece) -> Callable[[int], int]:
    """From a position on the cumulative curve, in 1 / WORD jobs, to nanoseconds."""
    if piece.first == piece.last:
        return _instant_on_level(piece)
    return _instant_on_slope(piece)


def _instant_on_level(piece: _Piece) -> Callable[[int], int]:
    """begin + d / rate, where d = position - before."""
    per_position = 1 / (piece.first * WORD)
    offset = piece.begin_ns - piece.before / piece.first
    a, b, divisor = _over_one_denominator(per_position, offset)
    return lambda position: (a * position + b) // divisor


def _instant_on_slope(piece: _Piece) -> Callable[[int], int]:
    """begin + (sqrt(first^2 + 2 slope d) - first) / slope: the integral of a line, inverted."""
    slope = (piece.last - piece.first) / piece.length_ns
    per_position = 2 * slope / WORD
    constant = piece.first**2 - 2 * slope * piece.before
    a, b, square = _over_one_denominator(per_position, constant)
    per_root = 1 / (slope * (square << _ROOT_BITS))
    offset = piece.begin_ns - piece.first / slope
    c, d, divisor = _over_one_denominator(per_root, offset)

    def instant(position: int) -> int:
        root = isqrt(max(0, a * position + b) * square << 2 * _ROOT_BITS)
        return (c * root + d) // divisor

    return instant


def _over_one_denominator(x: Fraction, y: Fraction) -> tuple[int, int, int]:
    both = lcm(x.denominator, y.denominator)
    return int(x * both), int(y * both), both


def _ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
