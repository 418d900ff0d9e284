"""Makes an identity folder for a host whose chain is as long as it may be, and the root.

usage: long_chain.py FOLDER GROUP
"""
import os
import pathlib
import sys

import pki

PADDING = 3500


def main():
    folder, group = pathlib.Path(sys.argv[1]), sys.argv[2]
    root = pki.authority("Foreign root")
    issuers = [root]
    for number in (1, 2, 3):
        below = [pki.padding(PADDING)]
        issuers.append(pki.authority(f"Foreign authority {number}", issuers[-1], more=below))
    host = pki.host("long.contoso.test", issuers[-1], [group], padding=pki.padding(PADDING))
    folder.mkdir()
    (folder / "root.pem").write_bytes(root.pem)
    (folder / "chain.pem").write_bytes(host.pem + b"".join(one.pem for one in issuers[:0:-1]))
    with open(os.open(folder / "host.key", os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(host.key_pem)


if __name__ == "__main__":
    main()
