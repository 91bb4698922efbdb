"""Bytes that are held back: in memory while they are few, else in a file without a name."""

from __future__ import annotations

import tempfile
from collections import deque
from pathlib import Path
from typing import IO

from orchestrator.errors import ProxyError

MEMORY_BYTES = 1 << 20
"""A longer queue of bytes goes to a file."""
_CHUNK_BYTES = 1 << 18


class Spool:
    """First in, first out. Raises `ProxyError` where the folder cannot take what is long."""

    __slots__ = ("_chunks", "_file", "_folder", "_read_at", "size")

    def __init__(self, folder: Path) -> None:
        self.size = 0
        """Bytes that were put in and not taken yet."""
        self._folder = folder
        self._chunks: deque[bytes] = deque()
        self._file: IO[bytes] | None = None
        self._read_at = 0

    def put(self, data: bytes) -> None:
        """More bytes at the end."""
        if not data:
            return
        self.size += len(data)
        if self._file is not None:
            self._append(data)
            return
        self._chunks.append(data)
        if self.size > MEMORY_BYTES:
            self._file = self._open()
            while self._chunks:
                self._append(self._chunks.popleft())

    def take(self) -> bytes:
        """The first bytes, as many as are good to send at once; b"" = there are none."""
        if self._file is not None:
            data = self._read()
        elif self.size > _CHUNK_BYTES:
            data = self._chunks.popleft()
        else:
            data = b"".join(self._chunks)
            self._chunks.clear()
        self.size -= len(data)
        return data

    def discard(self) -> None:
        """Forget everything."""
        self._chunks.clear()
        self.size = self._read_at = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> IO[bytes]:
        try:
            return tempfile.TemporaryFile(dir=self._folder, buffering=0)
        except OSError as error:
            raise self._full(error) from None

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        rest = memoryview(data)
        self._file.seek(0, 2)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._full(error) from None

    def _full(self, error: OSError) -> ProxyError:
        return ProxyError(
            f"what the proxy holds back cannot be kept in {self._folder}: {error.strerror}"
        )

    def _read(self) -> bytes:
        assert self._file is not None
        self._file.seek(self._read_at)
        data = self._file.read(_CHUNK_BYTES)
        self._read_at += len(data)
        if len(data) == self.size:
            self._file.close()
            self._file, self._read_at = None, 0
        return data
