"""The few bytes that client and worker both see without a message."""

from __future__ import annotations

import mmap
import struct

BLOCK_BYTES = mmap.PAGESIZE
CANCEL_AT = 0
"""Not zero: stop computing. The byte after it stays zero, for a C function reads both as a text."""
BEAT_AT = 8
DROP_AT = 64
"""One byte for each continuation of the request; not zero: give it up. Continuations beyond the block cannot be."""
BEAT = struct.Struct("<Q")
"""The worker's count, growing while it is alive."""


class AbortedError(Exception):
    """Raised in the worker when the client's flag ended what was being computed."""
