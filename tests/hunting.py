"""Looking for secrets in every byte of every file of a folder, in each form that they may be written in.

The files are read by a process of its own: whoever closes a database's file in the process that uses it loses
the locks that it has. What is found is valid only once a store that was interrupted was opened again, as a
journal that is still to be rolled back holds what was there before.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["forms", "hunt", "hunted"]

_LEAST: Final = 8
"""The shortest secret: a shorter one may be there by chance."""
_PATIENCE: Final = 60


def hunt(folder: Path, secrets: Iterable[bytes | str]) -> dict[str, int]:
    """Return how many of some secrets are in each file of a folder; files without any are left out."""
    wanted = [secret.encode() if isinstance(secret, str) else secret for secret in secrets]
    assert wanted, "nothing to look for"
    assert min(map(len, wanted)) >= _LEAST
    done = subprocess.run(
        [sys.executable, "-I", __file__, str(folder)],
        input=json.dumps([secret.hex() for secret in wanted]),
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE,
    )
    found: dict[str, int] = json.loads(done.stdout)
    return found


def hunted(content: bytes, secrets: Iterable[bytes]) -> int:
    """Return how many of some secrets are in the content of a file, in any form."""
    return sum(any(form in content for form in forms(secret)) for secret in secrets)


def forms(secret: bytes) -> Iterator[bytes]:
    """Yield what a secret looks like: as it is, in hex, in base64 wherever it begins there, in UTF-16."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for ahead in range(3):
        whole = base64.b64encode(bytes(ahead) + secret)
        part = whole[-(-ahead * 8 // 6) : (ahead + len(secret)) * 8 // 6]
        yield part
        yield part.replace(b"+", b"-").replace(b"/", b"_")
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")


def _main() -> None:
    folder = Path(sys.argv[1])
    secrets = [bytes.fromhex(each) for each in json.load(sys.stdin)]
    found = {
        str(path.relative_to(folder)): number
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (number := hunted(path.read_bytes(), secrets))
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _main()
