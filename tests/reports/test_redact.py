"""Nothing a run leaves behind holds a secret, and nothing else is taken out."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.redact import MASK, Redactor, printable

SECRET = "p4ss/w+rd é\"'<&\\"

KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nAAAAB3NzaC1yc2E\n-----END OPENSSH PRIVATE KEY-----"
)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_a_known_secret_is_masked_however_it_is_printed(form: str) -> None:
    """Quoted, escaped or encoded, a known value goes."""
    text = Redactor([SECRET])(f"before {form} after")
    assert form.strip("\"'") not in text
    assert MASK in text
    assert text.startswith("before ")
    assert text.endswith(" after")


@given(st.text(min_size=1).filter(lambda text: printable(text).strip() and text not in MASK), st.text(), st.text())
def test_a_known_secret_of_any_letters_is_masked(secret: str, before: str, after: str) -> None:
    """Whatever the value and what is around it, it cannot be found afterwards as a word of its own."""
    shown = Redactor([secret])(f"{before} {secret} {after}")
    assert f" {printable(secret)} " not in f" {shown} "


def test_the_longer_of_two_secrets_goes_whole() -> None:
    """A secret that begins with another leaves no rest behind."""
    assert Redactor(["hunter2", "hunter2-admin"])("hunter2-admin") == MASK


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    """A three-letter password is hidden without eating into other words."""
    assert Redactor(["cat"])("cat scatter cat.") == f"{MASK} scatter {MASK}."


def test_an_empty_secret_masks_nothing() -> None:
    """A setting that is not set is no secret."""
    assert Redactor([""])("every letter stays") == "every letter stays"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://forge:s3cret-pw@127.0.0.1:5432/forge", "s3cret-pw"),
        ("redis://:s3cret-pw@127.0.0.1:6379", "s3cret-pw"),
        ("https://alice:gho_abc@example.org/x.git", "gho_abc"),
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("authorization: Basic YWxpY2U6aHVudGVyMg==", "YWxpY2U6aHVudGVyMg=="),
        ("{'Authorization': 'Bearer abc.def-123', 'Accept': '*/*'}", "abc.def-123"),
        ('"proxy-authorization": "Basic YWxpY2U6eA=="', "YWxpY2U6eA=="),
        ("Authorization: AWS4-HMAC-SHA256 Credential=x/y, Signature=deadbeef", "deadbeef"),
        ("Cookie: session=0123456789abcdef", "0123456789abcdef"),
        ("GET /bucket?X-Amz-Signature=deadbeefdeadbeef&x=1", "deadbeefdeadbeef"),
        ("x-meili-api-key: masterkey123", "masterkey123"),
        ("curl -H 'bearer 0123456789abcdef'", "0123456789abcdef"),
        ("key AKIAIOSFODNN7EXAMPLE here", "IOSFODNN7EXAMPLE"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY"),
        ("PGPASSWORD=s3cret-pw psql", "s3cret-pw"),
        ("host=127.0.0.1 password=s3cret-pw user=forge", "s3cret-pw"),
        ("host=127.0.0.1 password='two words' user=forge", "two words"),
        ("password: s3cret-pw", "s3cret-pw"),
        ("{'master_key': 's3cret-pw', 'url': 'x'}", "s3cret-pw"),
        ('{"secret_key": "s3cret-pw"}', "s3cret-pw"),
        ("S3_SECRET_KEY=s3cret-pw", "s3cret-pw"),
        ("token=ghp_0123456789abcdefABCDEF", "ghp_0123456789abcdefABCDEF"),
        (KEY, "b3BlbnNzaC1rZXktdjEAAAAA"),
        (KEY.rpartition("\n")[0], "AAAAB3NzaC1yc2E"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "MIIE"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    """Values nobody named are found by where they stand."""
    shown = Redactor()(text)
    assert secret not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "search/secrets: a token: is only text [opensearch]",
        "forge/token: a webhook keeps its secret",
        "https://example.org/alice/project.git",
        "git@example.org:alice/project.git",
        'a user searches for "std::vector" and `->` and #include <stdio.h>',
        "postgresql-primary listens on 127.0.0.1:5432",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "assert hits == ['alice/secret.git src/lib.rs:12']",
        "the monkey = happy",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "tokens=5000 identifiers",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    """A report that masks what is no secret hides the reason of a fail."""
    assert Redactor(["correct-horse"])(text) == text


def test_where_a_secret_stood_can_still_be_read() -> None:
    """The user, the host and the key stay; only the value goes."""
    shown = Redactor()("postgresql://forge:pw@db:5432/forge password=pw next=1")
    assert shown == f"postgresql://forge:{MASK}@db:5432/forge password={MASK} next=1"


@given(st.text(alphabet=st.sampled_from("password=:/@ '\"\n[]redacted{}tokenx-AKIA1")))
def test_redacting_twice_changes_nothing(text: str) -> None:
    """Text that went through once is left alone."""
    redact = Redactor(["token1"])
    once = redact(text)
    assert redact(once) == once


@given(st.text())
def test_what_is_printable_fits_json_and_xml(text: str) -> None:
    """No control character, no half of a surrogate pair."""
    shown = printable(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert all(character in "\t\n" or ord(character) >= 0x20 for character in shown)


def test_colours_of_a_terminal_are_dropped() -> None:
    """Escape sequences of captured output do not reach a page."""
    assert printable("\x1b[1;31mred\x1b[0m \x1b]0;title\x07end") == "red end"


def test_a_broken_character_is_written_out() -> None:
    """A lone surrogate or a NUL byte stays visible."""
    assert printable("a\udcff\x00b") == "a\\udcff\\x00b"
