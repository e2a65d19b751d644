"""Guesses the encoding of bytes that are no UTF-8, by how much each candidate makes them look like somebody's language.

Each candidate decodes a sample (the lines that hold non-ASCII bytes); the non-ASCII characters it yields are weighed:
1 for a character that the encoding's language uses all the time, less for one it knows, 0 for one that only shows that
the guess is wrong. The best mean wins. charset-normalizer is asked when nobody is convincing; it is unreliable on the
few words of a source file's comments, and slow on whole files.
"""

# ruff: noqa: RUF001 - the letters of many alphabets, on purpose

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

__all__ = ["guess"]

_SAMPLE = 8 * 1024
_CONVINCING = 0.5
_ASK_FROM = 24  # non-ASCII bytes below which charset-normalizer only guesses
_ASK_CODECS = ["cp1256", "cp1255", "cp1254", "cp1257", "cp874", "cp866", "mac_roman", "cp437"]
_TIE = 0.02

_SIMPLIFIED = set(
    "的一是不了在人有我他这为之来以个中上大到说国和地也子时道出会要于下得可你年生自动方法能对后多天成面作用行"
    "里所定过如加本现同起进发全文件测试函数返回值参类型变量配置设置初始化错误信息如果使否则当前位置数据接口调用"
    "请求服务器输入输出名字符串长度读取写入创建删除更新添加查询获取默认使用注意功能实现支持问题内容时间路径检索引"
)
_TRADITIONAL = set(
    "的一是不了在人有我他這為之來以個中上大到說國和地也子時道出會要於下得可你年生自動方法能對後多天成面作用行"
    "裡所定過如加本現同起進發全文件檔案測試函數返回值參類型變量設置初始化錯誤信息如果使否則當前位置數據接口調用"
    "請求伺服器輸入輸出名字元串長度讀取寫入創建刪除更新添加查詢獲取默認使用注意功能實現支持問題內容時間路徑檢索引"
)
_KANJI = set("設定読込関数返値引文字列処理時間場合使用必要実行確認取得変更追加削除日本語注意型名前初期化配列指定")
_HANGUL = set(
    "이다는을가의에를하고한지로서은기사정인어나리해자시수있그도일니스아라보부대전있된장로상위제만여구조합됩함트"
    "테설읽값반환변파경로문열오류입력출용생성삭"
)
_CYRILLIC = set("оеаинтсрвлкмдпуязыьбгчйхжшюцщэфъёіїєґ")
_GREEK = set("αοιετσνηυρπκμλςάίόέύήώδγχθφβξζψω")
_WESTERN = set("àáâãäåæçèéêëìíîïñòóôõöøùúûüßœÀÁÂÄÅÆÇÈÉÊËÍÎÑÓÔÖØÚÜ")
_CENTRAL = set("ąćęłńóśźżčďěňřšťůžáéíýúőűöüäßĺľŕăâîşţđôë")
_SYMBOLS = set("©®°«»£§€–—‘’“”„•…·±×µªº½²³¹\xa0")
_OPENING = set("¿¡")  # before a word, never inside one
_CJK_MARKS = range(0x3000, 0x3020)
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_KANA = set(map(chr, range(0x3041, 0x30FF)))

_HIGH = re.compile(rb"[\x80-\xff]")
_AROUND = 2 * 1024  # of a very long line, this much on both sides of a non-ASCII byte


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An encoding, the characters of its language, and how their neighbours are judged.

    Args:
        codec: Python codec name.
        frequent: characters that weigh 1.
        zone: ranges of lead bytes whose characters are everyday ones (level 1 of a double-byte set).
        script: range of code points of its alphabet.
        latin: letters stand beside ASCII letters; those of other alphabets never do.
    """

    codec: str
    frequent: frozenset[str] | set[str]
    zone: range | None = None
    script: range = range(0)
    latin: bool = False

    def weight(self, char: str, before: str, after: str) -> float:
        """How typical of the language a character is between these neighbours (`""` at an end), 0 to 1."""
        if self.latin:
            return self._latin(char, before, after)
        if self.zone is not None:
            return self._ideographic(char, self.zone)
        if (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha()):
            return 0.0
        if char in self.frequent:
            return 1.0
        return _IN_SCRIPT if ord(char) in self.script else _SYMBOL if char in _SYMBOLS else 0.0

    def _ideographic(self, char: str, zone: range) -> float:
        if char in self.frequent:
            return 1.0
        if ord(char) in _CJK_MARKS or ord(char) in _FULL_WIDTH or char in _everyday(self.codec, zone):
            return _IN_ZONE
        return 0.0

    def _latin(self, char: str, before: str, after: str) -> float:
        if char in self.frequent:
            return 1.0 if self._is_letter(before) or self._is_letter(after) else _IN_SCRIPT
        if char in _OPENING:
            return _UNUSUAL if self._is_letter(before) else 1.0
        return _LATIN_SYMBOL if char in _SYMBOLS else _UNUSUAL

    def _is_letter(self, char: str) -> bool:
        return char.isalpha() and (char.isascii() or char in self.frequent)


_IN_ZONE = 0.7
_IN_SCRIPT = 0.6
_SYMBOL = 0.5
_LATIN_SYMBOL = 0.9
_UNUSUAL = 0.1
_LETTERS_OF_A_WORD = 4  # fewer are no evidence of another alphabet,
_DIFFERENT_LETTERS = 3  # nor is one letter again and again

# Earlier wins a tie.
_CANDIDATES = (
    _Candidate("cp1252", _WESTERN, latin=True),
    _Candidate("cp1250", _CENTRAL, latin=True),
    _Candidate("gb18030", _SIMPLIFIED, zone=range(0xB0, 0xD8)),
    _Candidate("cp932", _KANJI | _KANA, zone=range(0x88, 0x99)),
    _Candidate("big5", _TRADITIONAL, zone=range(0xA4, 0xC7)),
    _Candidate("cp949", _HANGUL, zone=range(0xB0, 0xC9)),
    _Candidate("euc_jp", _KANJI | _KANA, zone=range(0xB0, 0xD0)),
    _Candidate("cp1251", _CYRILLIC, script=range(0x400, 0x500)),
    _Candidate("koi8_r", _CYRILLIC, script=range(0x400, 0x500)),
    _Candidate("cp1253", _GREEK, script=range(0x370, 0x400)),
)


@cache
def _everyday(codec: str, leads: range) -> frozenset[str]:
    """The characters of a double-byte set whose first byte is in the range."""
    pairs = (bytes((lead, trail)) for lead in leads for trail in range(0x40, 0xFF))
    return frozenset(char for pair in pairs if len(char := pair.decode(codec, "ignore")) == 1 and not char.isascii())


def guess(data: bytes) -> str | None:
    """The codec that makes most sense of the bytes.

    Args:
        data: bytes that are neither ASCII nor UTF-8; at most about 8 KiB of them are looked at.

    Returns:
        A Python codec name, or `None` when none makes sense of them.
    """
    sample = _sample(data)
    best, best_score = None, 0.0
    for candidate in _CANDIDATES:
        score = _score(sample, candidate)
        if score > best_score + _TIE:
            best, best_score = candidate.codec, score
    if best_score >= _CONVINCING:
        return best
    return _ask(sample)


def _sample(data: bytes) -> bytes:
    """The first lines with non-ASCII bytes, about 8 KiB in all; whole lines keep double bytes together."""
    picked: list[bytes] = []
    size = position = 0
    while size < _SAMPLE and (found := _HIGH.search(data, position)):
        at = found.start()
        begin = max(position, data.rfind(b"\n", max(0, at - _AROUND), at) + 1, at - _AROUND)
        newline = data.find(b"\n", at, at + _AROUND)
        end = newline + 1 if newline >= 0 else min(len(data), at + _AROUND)
        picked.append(data[begin:end])
        size += end - begin
        position = end
    return b"".join(picked)


def _score(sample: bytes, candidate: _Candidate) -> float:
    """The mean weight of the non-ASCII characters; 0 when the sample is not in this encoding."""
    text = sample.decode(candidate.codec, "replace")
    if text.count("\ufffd") > 1 + len(text) // 200:
        return 0.0
    total, count, seen = 0.0, 0, set[str]()
    for index, char in enumerate(text):
        if not char.isascii():
            count += 1
            seen.add(char)
            total += candidate.weight(char, text[max(0, index - 1) : index], text[index + 1 : index + 2])
    if candidate.script and (count < _LETTERS_OF_A_WORD or len(seen) < _DIFFERENT_LETTERS):
        return 0.0
    return total / count if count else 0.0


def _ask(sample: bytes) -> str | None:
    """What charset-normalizer makes of the sample, if there is enough of it."""
    if len(sample) - len(sample.translate(None, _NON_ASCII)) < _ASK_FROM:
        return None
    from charset_normalizer import from_bytes  # noqa: PLC0415 - costs 25 ms, and few files need it

    match = from_bytes(sample, cp_isolation=_ASK_CODECS).best()
    return match.encoding if match is not None and match.coherence >= _COHERENT else None


_NON_ASCII = bytes(range(0x80, 0x100))
_COHERENT = 0.2
