"""Whatever bytes a repository holds, they become text or a reason why not."""

# ruff: noqa: RUF001 - texts in many alphabets

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.search.extract.decode import Decoded, NotText, decode

_TEXTS = {
    "gb18030": "// 这是一个测试函数，用于解析配置文件\nint main() { return 0; } // 返回值\n",
    "shift_jis": "// これはテスト関数です。設定を読み込みます\nint main() {}\n",
    "big5": "// 這是一個測試函數，用於解析設定檔案\nint main() {}\n",
    "euc_kr": "// 이것은 테스트 함수입니다. 설정을 읽습니다\nint main() {}\n",
    "euc_jp": "// これはテスト関数です。設定を読み込みます\nint main() {}\n",
    "cp1251": "// Это тестовая функция для чтения настроек\nint main() {}\n",
    "koi8_r": "// Это тестовая функция для чтения настроек\nint main() {}\n",
    "cp1253": "# Αυτή είναι μια δοκιμή συνάρτησης\n",
    "latin_1": "# André a déjà mangé; Größe der Tür, función pequeña\n",
    "cp1252": "it’s “quoted” – œuvre très générale\n",
    "cp1250": "# Zażółć gęślą jaźń, Příliš žluťoučký kůň\n",
}


def _text(data: bytes) -> Decoded:
    decoded = decode(data)
    assert isinstance(decoded, Decoded)
    return decoded


@pytest.mark.parametrize("codec", _TEXTS)
def test_older_encodings_are_told_from_each_other(codec: str) -> None:
    """A comment of one line is enough to recognise the encoding it is written in."""
    decoded = _text(_TEXTS[codec].encode(codec))
    assert decoded.text == _TEXTS[codec]
    assert not decoded.lossy


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("// 测试\n", "gbk"),
        ("needle 测 中文\n", "gbk"),
        ("// テスト\n", "shift_jis"),
        ("// 함수\n", "euc_kr"),
        ("// Тест\n", "cp1251"),
        ("© 2001 Foo\n", "latin_1"),
        ("x = 'café'\n", "latin_1"),
        ("20 °C ± 1\n", "latin_1"),
        ("¿qué? ¡sí!\n", "latin_1"),
    ],
)
def test_a_few_letters_are_enough(text: str, codec: str) -> None:
    """A source file often holds just one word that is not ASCII."""
    assert _text(text.encode(codec)).text == text


@pytest.mark.parametrize(
    "codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8"]
)
def test_unicode_with_and_without_mark(codec: str) -> None:
    """The byte order mark is optional, and is no part of the text."""
    text = "fn main() {} // größer 测试\nlet x = 1;\n"
    assert _text(text.encode(codec)) == Decoded(text, _text(text.encode(codec)).encoding, lossy=False)


def test_big_endian_marks_are_known() -> None:
    """Python writes little-endian marks; the other kind is read as well."""
    assert _text(codecs.BOM_UTF16_BE + "hello".encode("utf-16-be")).text == "hello"
    assert _text(codecs.BOM_UTF32_BE + "hello".encode("utf-32-be")).text == "hello"


def test_chinese_utf16_without_mark() -> None:
    """Chinese has few zero bytes: those of its spaces and line ends are enough."""
    text = "测试 函数 返回\n" * 20
    assert _text(text.encode("utf-16-le")).text == text


def test_one_bad_byte_does_not_hide_a_utf8_file() -> None:
    """The rest of the text is found, and the file says that something was lost."""
    decoded = _text("größe und länge\n".encode() + b"bad \xff byte\nneedle\n")
    assert decoded.text == "größe und länge\nbad \ufffd byte\nneedle\n"
    assert decoded.lossy


def test_bytes_of_no_language_are_kept_as_lossy_utf8() -> None:
    """Where no encoding makes sense of the bytes, the readable rest is still text."""
    decoded = _text(b"needle \xff\xfe broken")
    assert decoded.text == "needle \ufffd\ufffd broken"
    assert decoded.lossy


def test_a_real_replacement_character_is_no_loss() -> None:
    """U+FFFD may be written in a source file on purpose."""
    assert _text("REPLACEMENT = '\ufffd'\n".encode()) == Decoded("REPLACEMENT = '\ufffd'\n", "utf-8", lossy=False)
    assert not _text("REPLACEMENT = '\ufffd'\n".encode("utf-16")).lossy


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + b"x" * 100,
        b"\xff\xd8\xff\xe0JFIF",
        b"GIF89a\x01\x00\x01\x00\x00\xff\x00,",
        b"%PDF-1.7\nall of this is ASCII\n",
        b"PK\x03\x04\x14\x00\x00\x00",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        b"\x7fELF\x02\x01\x01" + b"\x00" * 9,
        b"\x00asm\x01\x00\x00\x00",
        bytes(range(32)) * 8,
        b"\x00",
        b"a\x00b\x00c\x01\x00\x02" * 20,
        bytes((index * 37) & 0xFF | 0x80 for index in range(2000)),
    ],
    ids=lambda data: data[:8].hex(),
)
def test_binary_is_no_text(data: bytes) -> None:
    """Images, archives, programs and noise are named as binary, with a reason."""
    decoded = decode(data)
    assert isinstance(decoded, NotText)
    assert decoded.reason


@pytest.mark.parametrize(
    "text", ["GIF89a is a format\n", "PK is a signature\n", "\x1b[31mred\x1b[0m\n", "page\f\nbreak\n", "\ttab\r\n\r\n"]
)
def test_text_that_looks_a_little_like_binary(text: str) -> None:
    """Signatures of binary formats in prose, escapes and form feeds do not hide a text."""
    assert _text(text.encode()).text == text


def test_a_stray_nul_in_a_long_text_does_not_hide_it() -> None:
    """Test data in a source file may hold one NUL; a file full of them is binary."""
    assert _text(b"line of code\n" * 200 + b"\x00" + b"needle\n").text.endswith("needle\n")


@pytest.mark.parametrize("before", [1000, 1001])
def test_a_stray_nul_does_not_make_chinese_of_ascii(before: int) -> None:
    """Read in pairs, ASCII letters are Chinese characters; one NUL is no reason to read them so."""
    data = b"a" * before + b"\x00" + b"b c\n" * 500
    assert _text(data).encoding == "ascii"
    assert not isinstance(decode(b"# a comment with a NUL \x00 in it\n "), Decoded)


def test_bytes_that_are_neither_text_nor_full_of_nuls() -> None:
    """A NUL in what is not even UTF-8 makes it binary."""
    assert isinstance(decode(b"readable text " * 200 + "größe".encode() * 9 + b"\x00\xff\xfe"), NotText)


def test_line_ends_are_kept() -> None:
    """The text is the blob's, so that offsets and line numbers agree with it."""
    text = "a\r\nb\nc\rd\u2028e\x0bf\n"
    assert _text(text.encode()).text == text


def test_empty() -> None:
    """No bytes are an empty text."""
    assert decode(b"") == Decoded("", "ascii", lossy=False)


@given(st.binary(max_size=4096))
def test_never_raises(data: bytes) -> None:
    """Any bytes at all get an answer."""
    assert isinstance(decode(data), Decoded | NotText)


@given(st.binary(max_size=64), st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_never_raises_after_a_mark(data: bytes, codec: str) -> None:
    """A mark in front of anything is no trap."""
    assert isinstance(decode("".encode(codec) + data), Decoded | NotText)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1))
def test_utf8_round_trip(text: str) -> None:
    """Valid UTF-8 is decoded to exactly itself, but for a mark at its beginning."""
    assert _text(text.encode()).text == text.removeprefix("\ufeff")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1))
def test_marked_utf16_round_trip(text: str) -> None:
    """UTF-16 with its mark is decoded to exactly itself."""
    assert _text(codecs.BOM_UTF16_LE + text.encode("utf-16-le")).text == text
