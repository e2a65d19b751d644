"""Accounts with few rights on a store that has them: versitygw, by its own API for administrators."""

from __future__ import annotations

import secrets
from xml.sax.saxutils import escape

import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pydantic import SecretStr

from stack.addresses import ObjectStoreAddress

__all__ = ["make_account"]


def make_account(store: ObjectStoreAddress) -> ObjectStoreAddress:
    """Make an account that may do nothing until a bucket's policy names it; the store as that account sees it."""
    access, secret = secrets.token_hex(10).upper(), secrets.token_urlsafe(30)
    body = f"<Account><Access>{escape(access)}</Access><Secret>{escape(secret)}</Secret><Role>user</Role></Account>"
    request = AWSRequest("PATCH", f"{store.endpoint}/create-user", data=body.encode())
    own = Credentials(store.access_key, store.secret_key.get_secret_value())
    S3SigV4Auth(own, "s3", store.region).add_auth(request)
    answer = requests.patch(
        f"{store.endpoint}/create-user", data=body.encode(), headers=dict(request.headers), timeout=10
    )
    assert answer.status_code == requests.codes.created, f"no account was made: {answer.status_code} {answer.text}"
    return store.model_copy(update={"access_key": access, "secret_key": SecretStr(secret)})
