"""Lists of numbers survive encoding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.search.exact.varint import decode, encode, undo_differences

_NUMBERS = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1), st.sampled_from([127, 128, 2**14, 2**21, 2**28]))


@given(st.lists(_NUMBERS, max_size=50))
def test_round_trip(values: list[int]) -> None:
    """What was encoded is decoded, and each length is told."""
    data, lengths = encode(np.array(values, dtype=np.uint32))
    assert lengths.sum() == data.size
    assert decode(data).tolist() == values


@given(
    st.lists(st.lists(st.integers(0, 2**31), min_size=1, max_size=8, unique=True).map(sorted), min_size=1, max_size=6)
)
def test_differences(lists: list[list[int]]) -> None:
    """Each list starts anew."""
    differences = [number for numbers in lists for number in (numbers[0], *np.diff(numbers).tolist())]
    undone = undo_differences(
        np.array(differences, dtype=np.uint32), np.array([len(each) for each in lists], dtype=np.uint32)
    )
    assert undone.tolist() == [number for numbers in lists for number in numbers]


@pytest.mark.parametrize("data", [b"\x80", b"\x01\xff", b"\x80\x80\x80\x80\x80\x01"])
def test_nonsense_is_refused(data: bytes) -> None:
    """Cut off, or longer than a number can be."""
    with pytest.raises(ValueError, match="number"):
        decode(np.frombuffer(data, dtype=np.uint8))
