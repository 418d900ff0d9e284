"""Checks the signature and the hash in the page for clients in other languages.

usage: page.py PAGE
"""
import hashlib
import pathlib
import re
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CONTEXT = b"kms-activation-response-v1\0"


def blocks(text):
    """The bytes of each block by the name in its first line."""
    for name, lines in re.findall(r"^```text\n; (.*)\n((?:.*\n)*?)```$", text, re.MULTILINE):
        yield name, bytes.fromhex("".join(line.split(";")[0] for line in lines.splitlines()))


def main():
    page = dict(blocks(pathlib.Path(sys.argv[1]).read_text()))
    seed = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert page["public key"] == seed.public_key().public_bytes_raw()
    message, answer = page["request"][32:], page["response"][36:-4]
    assert (len(message), len(answer)) == (150, 120)
    assert page["signed"] == CONTEXT + hashlib.sha256(message).digest() + answer[:56]
    Ed25519PublicKey.from_public_bytes(page["public key"]).verify(answer[56:], page["signed"])
    print("verified")


if __name__ == "__main__":
    main()
