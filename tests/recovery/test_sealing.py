"""Sealed objects: what is opened is what was sealed, and nothing else can be."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.recovery.sealing import FRAME, SealError, SealKey, Unsealing, new_key

KEY = SealKey(bytes(range(32)))
_HEADER = 36


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME])
def test_what_was_sealed_is_opened(size: int) -> None:
    """At every edge of a frame the same bytes come back."""
    data = bytes(number % 251 for number in range(1000)) * (size // 1000 + 1)
    assert KEY.unseal(KEY.seal(data[:size], "a"), "a") == data[:size]


@settings(max_examples=40, deadline=None)
@given(data=st.binary(min_size=1, max_size=300), position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(data: bytes, position: int, bit: int) -> None:
    """Wherever a bit flips, nothing is opened."""
    sealed = bytearray(KEY.seal(data, "a"))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(SealError):
        KEY.unseal(bytes(sealed), "a")


@settings(max_examples=40, deadline=None)
@given(kept=st.integers(min_value=0))
def test_a_shortened_object_is_noticed(kept: int) -> None:
    """Wherever it is cut, nothing is taken for the whole; an empty object is none of ours."""
    sealed = KEY.seal(b"x" * (FRAME + 7), "a")
    with pytest.raises(SealError) as caught:
        KEY.unseal(sealed[: kept % len(sealed)], "a")
    assert caught.value.reason in {"cut_short", "not_sealed"}


def test_frames_cannot_change_places() -> None:
    """Each frame knows its number."""
    sealed = KEY.seal(b"a" * FRAME + b"b" * FRAME + b"c", "a")
    size = FRAME + 16 + 4
    first, second = sealed[_HEADER : _HEADER + size], sealed[_HEADER + size : _HEADER + 2 * size]
    swapped = sealed[:_HEADER] + second + first + sealed[_HEADER + 2 * size :]
    with pytest.raises(SealError, match="damaged"):
        KEY.unseal(swapped, "a")


def test_parts_follow_each_other_and_cannot_change_places() -> None:
    """The parts of an upload are one object, in their order."""
    first, second = KEY.seal(b"one", "a", part=1), KEY.seal(b"two", "a", part=2)
    assert KEY.unseal(first + second, "a") == b"onetwo"
    for wrong in (second + first, second, first + first):
        with pytest.raises(SealError, match="damaged"):
            KEY.unseal(wrong, "a")


def test_an_object_under_another_name_is_refused() -> None:
    """One segment cannot be passed off as another."""
    with pytest.raises(SealError, match="damaged"):
        KEY.unseal(KEY.seal(b"data", "wals/1"), "wals/2")


def test_another_key_is_told_from_damage() -> None:
    """Whoever has the wrong key must not think that the backup is lost."""
    with pytest.raises(SealError) as caught:
        new_key().unseal(KEY.seal(b"data", "a"), "a")
    assert caught.value.reason == "other_key"


def test_what_was_never_sealed_is_told() -> None:
    """Bytes from elsewhere are not called damaged."""
    with pytest.raises(SealError) as caught:
        KEY.unseal(b"x" * 200, "a")
    assert caught.value.reason == "not_sealed"


def test_the_same_is_sealed_differently_each_time() -> None:
    """Equal contents cannot be told from the bucket."""
    assert KEY.seal(b"data", "a") != KEY.seal(b"data", "a")
    assert b"data" * 4 not in KEY.seal(b"data" * 4, "a")


@pytest.mark.parametrize("size", [1, 7, 512, FRAME + 3])
def test_a_stream_gives_as_much_as_is_asked_for(size: int) -> None:
    """A tar reader takes a short answer for the end."""
    data = bytes(range(256)) * (FRAME // 128)
    stream = Unsealing(KEY, BytesIO(KEY.seal(data, "a")), "a")
    pieces = []
    while piece := stream.read(size if size > 100 else 100_000 + size):
        pieces.append(piece)
    assert b"".join(pieces) == data
    assert len({len(piece) for piece in pieces[:-1]}) <= 1


def test_a_key_file_is_read_back(tmp_path: Path) -> None:
    """64 hexadecimal digits, and nothing else."""
    path = tmp_path / "key"
    path.write_text(KEY.text(), "ascii")
    assert SealKey.read(path).fingerprint == KEY.fingerprint
    path.write_text("secret", "ascii")
    with pytest.raises(ValueError, match="hex"):
        SealKey.read(path)


def test_a_derived_secret_is_its_label_s_and_its_key_s_alone() -> None:
    """It is the same every time, another for another label or key, and not the key itself."""
    made = KEY.derive("restic")
    assert made == SealKey(bytes(range(32))).derive("restic")
    assert made not in {KEY.derive("other"), new_key().derive("restic"), KEY.text().strip()}
    assert len(bytes.fromhex(made)) == 32
