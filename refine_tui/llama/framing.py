"""Messages between client and worker: JSON after its length, on a pipe. Nothing in a message can run code."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

LENGTH = struct.Struct("<I")
LARGEST_BYTES = 64 * 1024 * 1024
"""A longer message is a broken pipe's garbage, never one of ours."""

Message = dict[str, Any]


class FramingError(Exception):
    """Raised when bytes on the pipe are no message."""


def encode(message: Message) -> bytes:
    """Return a message as it goes over the pipe.

    Raises:
        FramingError: it is longer than any message may be.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > LARGEST_BYTES:
        raise FramingError(f"a message of {len(body):,} bytes is more than the {LARGEST_BYTES:,} that fit in one")
    return LENGTH.pack(len(body)) + body


def write_message(pipe: IO[bytes], message: Message) -> None:
    """Write one message and flush."""
    pipe.write(encode(message))
    pipe.flush()


def read_exactly(pipe: IO[bytes], size: int) -> bytes:
    """Read `size` bytes, or fewer at the end of the pipe."""
    data = bytearray()
    while len(data) < size:
        piece = pipe.read(size - len(data))
        if not piece:
            break
        data += piece
    return bytes(data)


def read_message(pipe: IO[bytes]) -> Message | None:
    """Read one message; `None` at the end of the pipe.

    Raises:
        FramingError: the bytes are no message.
    """
    head = read_exactly(pipe, LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    if size > LARGEST_BYTES:
        raise FramingError(f"a message claims {size:,} bytes")
    body = read_exactly(pipe, size)
    return decode(body) if len(body) == size else None


def decode(body: bytes) -> Message:
    """Return the message in a frame's body.

    Raises:
        FramingError: it is not a JSON object.
    """
    try:
        message = json.loads(body)
    except ValueError as error:
        raise FramingError("a message is not JSON") from error
    if not isinstance(message, dict):
        raise FramingError("a message is not an object")
    return message


class FrameBuffer:
    """Collects bytes as they arrive and gives out whole messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, piece: bytes) -> None:
        """Add bytes read from the pipe."""
        self._data += piece

    def next(self) -> Message | None:
        """Return the oldest whole message, or `None` while there is none.

        Raises:
            FramingError: the bytes are no message.
        """
        if len(self._data) < LENGTH.size:
            return None
        (size,) = LENGTH.unpack_from(self._data)
        if size > LARGEST_BYTES:
            raise FramingError(f"a message claims {size:,} bytes")
        end = LENGTH.size + size
        if len(self._data) < end:
            return None
        body = bytes(self._data[LENGTH.size : end])
        del self._data[:end]
        return decode(body)
