"""Lets a Java of our own trust what the machine trusts: a company's or a proxy's certificate authority too."""

from __future__ import annotations

import os
import re
import ssl
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

from stack.toolchain.locks import sha256

__all__ = ["java_truststore", "machine_bundle", "write_java_truststore"]

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def machine_bundle() -> Path | None:
    """The file of certificate authorities that Python's own `ssl` uses, if there is one."""
    found = ssl.get_default_verify_paths().cafile
    return Path(found) if found else None


def java_truststore(folder: Path) -> Path | None:
    """A truststore with what the machine trusts, made once in a folder; None where nothing says what it trusts."""
    bundle = machine_bundle()
    if bundle is None:
        return None
    target = folder / f"trusted-{sha256(bundle)[:12]}.p12"
    if not target.is_file():
        partial = target.with_suffix(f".{os.getpid()}")
        if not write_java_truststore(bundle, partial):
            return None
        partial.replace(target)
    return target


def write_java_truststore(bundle: Path, target: Path) -> int:
    """Write a PKCS #12 file that Java takes as `javax.net.ssl.trustStore`.

    Args:
        bundle: certificates in PEM form, one after the other.
        target: the file to write; it holds nothing secret and has no password.

    Returns:
        How many certificates it has; one that cannot be read is left out, so it is not trusted.
    """
    trusted = []
    for number, block in enumerate(_CERTIFICATE.findall(bundle.read_bytes())):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some authorities' serial numbers break the standard
            try:
                certificate = x509.load_pem_x509_certificate(block)
            except ValueError:
                continue
        trusted.append(pkcs12.PKCS12Certificate(certificate, f"authority-{number}".encode()))
    if trusted:
        target.write_bytes(pkcs12.serialize_java_truststore(trusted, NoEncryption()))
    return len(trusted)
