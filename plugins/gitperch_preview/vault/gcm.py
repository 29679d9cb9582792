"""AES-256-GCM by the OpenSSL that the interpreter has loaded for its hashes; by `cryptography` where that cannot be reached.

`cryptography` brings an OpenSSL of its own, an eighth of the memory that this server may have, for one cipher. Both make and take
the same bytes.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, NONCE, TAG = 32, 12, 16  # bytes
_GET_TAG, _SET_TAG = 0x10, 0x11  # EVP_CTRL_AEAD_… of openssl/evp.h
_POINTER, _INT, _BYTES = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
_FUNCTIONS = {
    "EVP_aes_256_gcm": (_POINTER,),
    "EVP_CIPHER_CTX_new": (_POINTER,),
    "EVP_CIPHER_CTX_free": (None, _POINTER),
    "EVP_CIPHER_CTX_ctrl": (_INT, _POINTER, _INT, _INT, _POINTER),
    "EVP_CipherInit_ex": (_INT, _POINTER, _POINTER, _POINTER, _BYTES, _BYTES, _INT),
    "EVP_CipherUpdate": (_INT, _POINTER, _POINTER, ctypes.POINTER(_INT), _BYTES, _INT),
    "EVP_CipherFinal_ex": (_INT, _POINTER, _POINTER, ctypes.POINTER(_INT)),
    "ERR_clear_error": (None,),
}


class Refused(Exception):
    """These bytes were not made with this key for this place, or are not as they were."""


class Cipher(Protocol):
    """A nonce has 12 bytes and is never used again with the same key. `belongs` is authenticated, not kept."""

    def encrypt(self, key: bytes, nonce: bytes, text: bytes, belongs: bytes) -> bytes:
        """The ciphertext with its tag."""

    def decrypt(self, key: bytes, nonce: bytes, data: bytes, belongs: bytes) -> bytes:
        """Raises Refused."""


@functools.cache
def cipher() -> Cipher:
    """The one to use here."""
    return loaded() or Cryptography()


def loaded() -> OpenSSL | None:
    """That of the interpreter; None where it has none that can be called, as when it was linked into the program itself."""
    try:
        import _hashlib

        library = ctypes.CDLL(_hashlib.__file__)
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (ImportError, AttributeError, OSError):
        return None
    return OpenSSL(library)


class OpenSSL:
    """See EVP_EncryptInit(3), "AEAD Interface"."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def encrypt(self, key: bytes, nonce: bytes, text: bytes, belongs: bytes) -> bytes:
        with self._context(key, nonce, encrypts=True) as context:
            data = self._passed(context, text, belongs)
            self._sure(self._finished(context))
            tag = ctypes.create_string_buffer(TAG)
            self._sure(self._library.EVP_CIPHER_CTX_ctrl(context, _GET_TAG, TAG, tag))
            return data + tag.raw

    def decrypt(self, key: bytes, nonce: bytes, data: bytes, belongs: bytes) -> bytes:
        if len(data) < TAG:
            raise Refused
        with self._context(key, nonce, encrypts=False) as context:
            tag = ctypes.create_string_buffer(data[-TAG:], TAG)
            self._sure(self._library.EVP_CIPHER_CTX_ctrl(context, _SET_TAG, TAG, tag))
            text = self._passed(context, data[:-TAG], belongs)
            if self._finished(context) != 1:
                raise Refused
            return text

    @contextlib.contextmanager
    def _context(self, key: bytes, nonce: bytes, *, encrypts: bool) -> Iterator[int]:
        if len(key) != KEY or len(nonce) != NONCE:  # OpenSSL reads as many, whatever there is
            raise ValueError(f"a key has {KEY} bytes, a nonce {NONCE}")
        library = self._library
        context = library.EVP_CIPHER_CTX_new()
        if not context:
            raise MemoryError
        try:
            method = library.EVP_aes_256_gcm()
            self._sure(library.EVP_CipherInit_ex(context, method, None, key, nonce, int(encrypts)))
            yield context
        finally:
            library.EVP_CIPHER_CTX_free(context)
            library.ERR_clear_error()  # of this thread's, so that nobody takes what failed here for his

    def _passed(self, context: int, text: bytes, belongs: bytes) -> bytes:
        length = ctypes.c_int()
        self._sure(self._library.EVP_CipherUpdate(context, None, ctypes.byref(length), belongs, len(belongs)))
        out = ctypes.create_string_buffer(len(text) or 1)
        self._sure(self._library.EVP_CipherUpdate(context, out, ctypes.byref(length), text, len(text)))
        return out.raw[: length.value]

    def _finished(self, context: int) -> int:
        return int(self._library.EVP_CipherFinal_ex(context, ctypes.create_string_buffer(TAG), ctypes.c_int()))

    @staticmethod
    def _sure(done: int) -> None:
        if done != 1:
            raise RuntimeError("OpenSSL refused AES-256-GCM")


class Cryptography:
    """The same by the package. Takes 8 MB and 20 ms when it is first used."""

    def encrypt(self, key: bytes, nonce: bytes, text: bytes, belongs: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(key).encrypt(nonce, text, belongs)

    def decrypt(self, key: bytes, nonce: bytes, data: bytes, belongs: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(key).decrypt(nonce, data, belongs)
        except (InvalidTag, ValueError):
            raise Refused from None
