r"""Bytes to text: every encoding that real repositories hold, or a reason why it is no text.

The text is kept verbatim, so that offsets, line numbers and the blob agree: line endings are not normalised (a line
ends at `\n` only, a `\r` before it belongs to the line), tabs and control characters stay. Only a byte order mark is
left out.

Order of the decisions, cheapest first: empty; byte order mark; signature of a binary format; NUL bytes (UTF-16 or
UTF-32 without a mark, else binary); ASCII; UTF-8; UTF-8 with a few bad bytes (lossy); an older encoding (`legacy.py`).
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from stack.search.extract.legacy import guess

__all__ = ["Decoded", "NotText", "decode"]

_MARKS = (  # the longer first: FF FE 00 00 also begins with UTF-16's mark
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Only signatures that no text starts with; formats that hold NULs early (GIF, tar, SQLite) need none.
_SIGNATURES = (
    (b"\x89PNG\r\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"PK\x05\x06", "ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"BZh91AY&SY", "bzip2 data"),
    (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (b"\x7fELF", "ELF program"),
    (b"\xca\xfe\xba\xbe", "Java class or Mach-O program"),
    (b"\xcf\xfa\xed\xfe", "Mach-O program"),
    (b"\x00asm", "WebAssembly module"),
    (b"%PDF-1.", "PDF document"),
    (b"%PDF-2.", "PDF document"),
    (b"\x93NUMPY", "NumPy array"),
)
_TEXT_CONTROLS = b"\t\n\r\f\v\b\x1b"  # what editors, terminals and form feeds leave in texts
_CONTROLS = bytes(sorted(set(range(32)) - set(_TEXT_CONTROLS))) + b"\x7f"
_NOT_CONTROLS = bytes(sorted(set(range(256)) - set(_CONTROLS)))
_MAX_CONTROL_RATIO = 0.02
_MAX_NUL_RATIO = 0.001  # a stray NUL in a long source file does not hide it
_MAX_BAD_RATIO = 0.01  # U+FFFD per character of a marked UTF-16 or UTF-32 text
_MIN_NULS = 0.25  # of UTF-16 whose other bytes are all printable ASCII, half are zero
_SAMPLE = 64 * 1024
_GOOD_PER_BAD = 2  # valid multi-byte sequences per bad byte that still make a text UTF-8
_MAX_UNREADABLE_RATIO = 0.3  # bad bytes per character above which it is no text at all
_REPLACEMENT = "\ufffd"
_NON_ASCII = bytes(range(0x80, 0x100))


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, the codec it was decoded with, and whether some bytes were replaced by U+FFFD."""

    text: str
    encoding: str
    lossy: bool


@dataclass(frozen=True, slots=True)
class NotText:
    """The bytes are no text."""

    reason: str


def decode(data: bytes) -> Decoded | NotText:
    """Decode a whole file; never raises, cost is linear in its length.

    Args:
        data: any bytes. The size limit is the caller's.
    """
    if not data:
        return Decoded("", "ascii", lossy=False)
    wide = _marked(data) or (_wide_without_mark(data) if 0 in data else None)
    if wide is not None:
        return wide
    reason = _why_binary(data)
    if reason:
        return NotText(reason)
    for codec in ("ascii", "utf-8"):
        if _is_valid(data, codec):
            return Decoded(data.decode(codec), codec, lossy=False)
    return _not_utf8(data)


def _why_binary(data: bytes) -> str:
    """Why bytes that are not UTF-16 or UTF-32 cannot be text; `""` when they can."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data.count(0) > len(data) * _MAX_NUL_RATIO:
        return "NUL bytes"
    if len(data.translate(None, _NOT_CONTROLS)) > len(data) * _MAX_CONTROL_RATIO:
        return "control characters"
    return ""


def _marked(data: bytes) -> Decoded | NotText | None:
    """Decode by the byte order mark, if there is one and what follows is text in that encoding."""
    for mark, codec in _MARKS:
        if not data.startswith(mark):
            continue
        text = data[len(mark) :].decode(codec, "replace")
        bad = text.count(_REPLACEMENT)
        if codec == "utf-8":
            if _looks_like_text(text):
                return Decoded(text, codec, lossy=bad > 0 and not _is_valid(data, codec))
            return NotText("control characters")
        if bad <= 1 + len(text) * _MAX_BAD_RATIO and _looks_like_text(text):
            return Decoded(text, codec, lossy=bad > 0 and not _is_valid(data, codec))
    return None


def _is_valid(data: bytes, codec: str) -> bool:
    if codec == "ascii":
        return data.isascii()
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _looks_like_text(text: str) -> bool:
    sample = text[:_SAMPLE]
    controls = sum(map(sample.count, map(chr, _CONTROLS)))
    return controls <= len(sample) * _MAX_CONTROL_RATIO


def _wide_without_mark(data: bytes) -> Decoded | None:
    """UTF-32 or UTF-16 without a mark: the zero bytes all lie on the high side, and the units decode to plain text.

    Texts without any ASCII (no space, no line end) hold no zero byte and are not recognised.
    """
    sample = data[:_SAMPLE]
    if _is_ascii_with_stray_nuls(sample):
        return None
    lanes = [sample[lane::4].count(0) for lane in range(4)]
    units = len(sample) // 4
    candidates: list[str] = []
    if len(data) % 4 == 0 and units:
        if lanes[3] == units and lanes[2] >= units // 2 and not lanes[0]:
            candidates.append("utf-32-le")
        elif lanes[0] == units and lanes[1] >= units // 2 and not lanes[3]:
            candidates.append("utf-32-be")
    even, odd = lanes[0] + lanes[2], lanes[1] + lanes[3]
    if odd and not even:
        candidates.append("utf-16-le")
    elif even and not odd:
        candidates.append("utf-16-be")
    for codec in candidates:
        text = data.decode(codec, "replace")
        if text.count(_REPLACEMENT) <= 1 and _looks_like_text(text) and _is_plain(text):
            return Decoded(text, codec, lossy=not _is_valid(data, codec))
    return None


def _is_ascii_with_stray_nuls(sample: bytes) -> bool:
    """Whether the bytes read well one by one: as pairs they would, by accident, be Chinese."""
    rest = sample.replace(b"\x00", b"")
    few = len(sample) - len(rest) < len(sample) * _MIN_NULS
    return few and rest.isascii() and not rest.translate(None, _NOT_CONTROLS)


def _is_plain(text: str) -> bool:
    """Whether it has blanks, and its other characters are assigned and of few blocks, as any script's text is."""
    sample = text[:4096]
    if not any(blank in sample for blank in (" ", "\n", "\t")):
        return False
    # 128-character rows: a page of Chinese uses some dozens of about 160 rows, random units nearly one row each.
    strange = [char for char in sample if ord(char) > 0x7F]  # noqa: PLR2004 - end of ASCII
    assigned = sum(char.isprintable() for char in strange)
    ascii_share = 1 - len(strange) / len(sample)
    return assigned >= len(strange) * 0.98 and (ascii_share > 0.5 or len({ord(c) >> 7 for c in strange}) < 200)  # noqa: PLR2004


def _not_utf8(data: bytes) -> Decoded | NotText:
    """UTF-8 with some bad bytes if most sequences are good, else an older encoding, else lossy UTF-8."""
    if 0 in data:
        return NotText("NUL bytes")
    replaced = data.decode("utf-8", "replace")
    bad = replaced.count(_REPLACEMENT)
    good = len(replaced) - bad - _ascii_count(data)
    if good >= bad * _GOOD_PER_BAD:
        return Decoded(replaced, "utf-8", lossy=True)
    codec = guess(data)
    if codec is not None:
        try:
            return Decoded(data.decode(codec), codec, lossy=False)
        except UnicodeDecodeError:
            text = data.decode(codec, "replace")
            if text.count(_REPLACEMENT) <= len(text) * _MAX_BAD_RATIO:
                return Decoded(text, codec, lossy=True)
    if bad > len(replaced) * _MAX_UNREADABLE_RATIO:
        return NotText("no known encoding")
    return Decoded(replaced, "utf-8", lossy=True)


def _ascii_count(data: bytes) -> int:
    return len(data.translate(None, _NON_ASCII))
