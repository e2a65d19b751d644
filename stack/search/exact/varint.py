"""Lists of document numbers as bytes: differences, seven bits a byte, the lowest first, the high bit for "more"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode", "encode", "undo_differences"]

_BITS = 7
_LOW = 0x7F
_MORE = 0x80
_LIMITS = (1 << 7, 1 << 14, 1 << 21, 1 << 28)


def encode(values: NDArray[np.uint32]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Encode numbers.

    Args:
        values: shape (n,).

    Returns:
        The bytes, and how many each number took, shape (n,).
    """
    lengths = np.ones(values.size, dtype=np.uint8)
    for limit in _LIMITS:
        lengths += values >= limit
    if values.size == 0 or lengths.max() == 1:
        return values.astype(np.uint8), lengths
    ends = np.cumsum(lengths, dtype=np.int64)
    starts = ends - lengths
    out = np.zeros(int(ends[-1]), dtype=np.uint8)
    for number in range(int(lengths.max())):
        wide = lengths > number
        low = (values[wide] >> np.uint32(_BITS * number)).astype(np.uint8) & np.uint8(_LOW)
        out[starts[wide] + number] = low | np.where(lengths[wide] > number + 1, np.uint8(_MORE), np.uint8(0))
    return out, lengths


def decode(data: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Decode numbers.

    Args:
        data: bytes as `encode` gives them.

    Raises:
        ValueError: the last number is cut off, or one is longer than 32 bits can be.
    """
    last = data < _MORE
    if last.all():
        return data.astype(np.uint32)
    if not last[-1]:
        raise ValueError("the last number is cut off")
    ends = np.flatnonzero(last)
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts + 1
    longest = int(lengths.max())
    if longest > len(_LIMITS) + 1:
        raise ValueError("a number is too long")
    values = data[starts].astype(np.uint32) & np.uint32(_LOW)
    for number in range(1, longest):
        wide = lengths > number
        values[wide] |= (data[starts[wide] + number].astype(np.uint32) & np.uint32(_LOW)) << np.uint32(_BITS * number)
    return values


def undo_differences(values: NDArray[np.uint32], counts: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Sum up differences, starting anew at each list.

    Args:
        values: the lists one after the other; the first number of each stands for itself.
        counts: the length of each list, none empty; their sum is the length of `values`.
    """
    sums = np.cumsum(values, dtype=np.uint32)  # wraps, and the subtraction below wraps back
    if counts.size == 1:
        return sums
    starts = np.cumsum(counts, dtype=np.int64) - counts
    before = sums[starts] - values[starts]
    sums -= np.repeat(before, counts)
    return sums
