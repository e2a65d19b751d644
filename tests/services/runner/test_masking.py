"""No secret passes, however the stream is cut."""

from __future__ import annotations

import base64
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stack.services.runner.masking import Masker

SECRETS = ["hunter2-hunter2", "hunter2-hunter2-longer", "aaaaaaaa"]


def masked(data: bytes, cuts: list[int]) -> bytes:
    """What a masker shows of data that comes in pieces."""
    masker = Masker(SECRETS)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    shown = [masker.feed(data[low:high]) for low, high in pairwise(places)]
    return b"".join([*shown, masker.rest()])


@given(
    st.lists(
        st.sampled_from([b"hunter2-", b"hunter2-hunter2", b"-longer", b"aaaa", b"a", b"x\n", b"hunt"]), max_size=12
    ),
    st.lists(st.integers(0, 120), max_size=8),
)
def test_no_secret_passes(pieces: list[bytes], cuts: list[int]) -> None:
    """And what is no secret is shown as it is."""
    data = b"".join(pieces)
    shown = masked(data, cuts)
    assert all(secret.encode() not in shown for secret in SECRETS)
    if not any(secret.encode() in data for secret in SECRETS):
        assert shown == data


def test_other_ways_to_write_it() -> None:
    """Base64 and percent-encoding are masked too."""
    masker = Masker(["a secret/of mine"])
    data = base64.b64encode(b"a secret/of mine") + b" a%20secret%2Fof%20mine"
    assert masker.feed(data) + masker.rest() == b"*** ***"


def test_what_is_too_short_is_left() -> None:
    """An empty secret is in every text."""
    masker = Masker(["", "abc"])
    assert masker.feed(b"abcdef") + masker.rest() == b"abcdef"
