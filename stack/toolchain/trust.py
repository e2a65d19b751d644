"""Lets a Java of our own trust what the machine trusts: a company's or a proxy's certificate authority too."""

from __future__ import annotations

import re
import ssl
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

__all__ = ["machine_bundle", "write_java_truststore"]

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def machine_bundle() -> Path | None:
    """The file of certificate authorities that Python's own `ssl` uses, if there is one."""
    found = ssl.get_default_verify_paths().cafile
    return Path(found) if found else None


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
