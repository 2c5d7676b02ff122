"""Is this the right password? argon2, a few at a time: one hash takes 64 MiB, many at once would starve the rest."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()
_AT_ONCE = threading.BoundedSemaphore(2)
NOBODY = _HASHER.hash("the password of an account that does not exist")


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def is_right(password: str, *, password_hash: str | None) -> bool:
    """Whether the password fits; without a hash (no such account) the same work is done, and the answer is no."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(password_hash or NOBODY, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False
