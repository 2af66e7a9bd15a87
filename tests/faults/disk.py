"""A disk that tells what SQLite does to it, and may fail: a VFS around SQLite's own.

It is registered, as the default, with the very library that Python's ``sqlite3`` uses, so that the
ledger is tested as it is. Where Python carries SQLite inside itself there is no such library to be
found, and `available` says so.

Source: https://www.sqlite.org/c3ref/vfs.html and https://www.sqlite.org/c3ref/io_methods.html.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sqlite3
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from typing import Any, Final

from attrs import define, field, frozen

__all__ = ["Deed", "Disk", "available"]

# Names are pointers, never ``bytes``: SQLite keeps the very pointer that it passed on.
_OPEN: Final = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_DELETE: Final = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_WRITE: Final = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE: Final = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC: Final = CFUNCTYPE(c_int, c_void_p, c_int)


class _VFS(ctypes.Structure):
    """``sqlite3_vfs``, version 3; what is not replaced is passed on as it is."""

    _fields_ = [
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", c_void_p),
        ("xDelete", c_void_p),
        ("others", c_void_p * 14),
    ]


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_ = [
        ("iVersion", c_int),
        ("xClose", c_void_p),
        ("xRead", c_void_p),
        ("xWrite", c_void_p),
        ("xTruncate", c_void_p),
        ("xSync", c_void_p),
        ("others", c_void_p * 13),
    ]


@frozen
class Deed:
    """One thing that was done to a file.

    Attributes:
        what: "write", "truncate", "sync", "delete", or "told" for what a test says in between.
        path: of the file; or what was told.
        offset: where a write begins, or the size to which a file is cut; of a delete, whether its folder was
            synced.
        data: what was written.
    """

    what: str
    path: str
    offset: int = 0
    data: bytes = b""


def _library() -> Any:
    """Return the SQLite that Python's own module uses, or None."""
    import _sqlite3

    for name in (_sqlite3.__file__, ctypes.util.find_library("sqlite3"), "libsqlite3.so.0"):
        try:
            found = ctypes.CDLL(name)
            version = found.sqlite3_libversion
        except (OSError, AttributeError, TypeError):
            continue
        version.restype = c_char_p
        if version().decode() == sqlite3.sqlite_version:
            return found
    return None


def available() -> bool:
    """Whether this Python's SQLite can be given a VFS, which is then seen to be used."""
    return _library() is not None


@define
class Disk:
    """Passes on what SQLite does to files, and keeps an account of it.

    Attributes:
        deeds: all that was done, in order.
        fails: asked before each deed; another answer than 0 is SQLite's code for why it failed,
            and nothing is done.
        watching: whether an account is kept.
    """

    fails: Callable[[str, str], int] = lambda what, path: 0  # noqa: ARG005 — the signature of a fault
    deeds: list[Deed] = field(factory=list)
    watching: bool = True
    _default: Any = None
    _kept: list[Any] = field(factory=list)
    _files: dict[int, str] = field(factory=dict)
    _methods: dict[int, Any] = field(factory=dict)

    def told(self, words: object) -> None:
        """Put something into the account, such as what was acknowledged."""
        self._did(Deed("told", str(words)))

    def _did(self, deed: Deed) -> None:
        if self.watching:
            self.deeds.append(deed)

    def install(self) -> None:
        """Have every connection opened from now on in this process use this disk."""
        library = _library()
        find = library.sqlite3_vfs_find
        find.restype, find.argtypes = POINTER(_VFS), [c_char_p]
        self._default = find(None).contents
        vfs = _VFS()
        ctypes.memmove(ctypes.byref(vfs), ctypes.byref(self._default), ctypes.sizeof(_VFS))
        vfs.pNext, vfs.zName = None, b"faults"
        opening, deleting = _OPEN(self._open), _DELETE(self._delete)
        vfs.xOpen = ctypes.cast(opening, c_void_p)
        vfs.xDelete = ctypes.cast(deleting, c_void_p)
        self._kept += [vfs, opening, deleting]
        register = library.sqlite3_vfs_register
        register.restype, register.argtypes = c_int, [POINTER(_VFS), c_int]
        assert register(ctypes.byref(vfs), 1) == 0

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: Any) -> int:
        code: int = _OPEN(self._default.xOpen)(vfs, name, file, flags, out)
        if code == 0 and name is not None:
            methods = c_void_p.from_address(file)
            self._files[file] = ctypes.string_at(name).decode()
            assert methods.value is not None
            methods.value = ctypes.addressof(self._watched(methods.value))
        return code

    def _delete(self, vfs: int, name: int, sync: int) -> int:
        path = ctypes.string_at(name).decode()
        failed = self.fails("delete", path)
        if failed:
            return failed
        code: int = _DELETE(self._default.xDelete)(vfs, name, sync)
        if code == 0:
            self._did(Deed("delete", path, sync))
        return code

    def _watched(self, address: int) -> Any:
        """Return methods that pass on to those at an address, and keep an account."""
        if address in self._methods:
            return self._methods[address]
        true = _Methods.from_address(address)
        methods = _Methods()
        ctypes.memmove(ctypes.byref(methods), address, ctypes.sizeof(_Methods))
        write, truncate, sync = _WRITE(true.xWrite), _TRUNCATE(true.xTruncate), _SYNC(true.xSync)

        def passed(what: str, file: int, call: Any, offset: int = 0, data: bytes = b"") -> int:
            path = self._files[file]
            failed = self.fails(what, path)
            if failed:
                return failed
            code: int = call()
            if code == 0:
                self._did(Deed(what, path, offset, data))
            return code

        def writing(file: int, data: int, size: int, offset: int) -> int:
            content = ctypes.string_at(data, size)
            return passed("write", file, lambda: write(file, data, size, offset), offset, content)

        def truncating(file: int, size: int) -> int:
            return passed("truncate", file, lambda: truncate(file, size), size)

        def syncing(file: int, flags: int) -> int:
            return passed("sync", file, lambda: sync(file, flags))

        replaced = [_WRITE(writing), _TRUNCATE(truncating), _SYNC(syncing)]
        for name, call in zip(("xWrite", "xTruncate", "xSync"), replaced, strict=True):
            setattr(methods, name, ctypes.cast(call, c_void_p))
        self._kept.append(replaced)
        self._methods[address] = methods
        # Files that were opened with these methods already find their own again.
        self._methods[ctypes.addressof(methods)] = methods
        return methods
