"""Reads the header of a GGUF file without trusting it.

Every count and length is bounded before it is used, arrays are walked and not kept, and the file is read rather than mapped, so
a file that shrinks meanwhile is an error and no signal. Whatever the bytes, the outcome is a `Header` or a `ModelError`.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

from refine_tui.core.errors import ModelError, UnknownModelError
from refine_tui.models.fim_marks import FIM_MARKS as FIM_MARKS
from refine_tui.models.tensor_types import BLOCKS, FILE_TYPES, size_bytes

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_FIELDS = 4096
MOST_TENSORS = 65_536
MOST_ELEMENTS = 4_000_000
"""Array elements in one header; the largest vocabularies with their merges have under two million."""
KEPT_ELEMENTS = 512
"""Longest array of numbers that is kept: one value for each layer."""
LONGEST_KEY = 65_535
LONGEST_TEXT = 4 * 1024 * 1024
LONGEST_TENSOR_NAME = 255
MOST_DIMENSIONS = 4
MOST_NUMBERS = 1 << 46
LARGEST_HEADER = 256 * 1024 * 1024
"""Bytes before the tensors' data; the largest vocabularies take under twenty million."""
MOST_KEPT = 16 * 1024 * 1024
"""Bytes of names and values that are kept of one header."""
NUMBER_BYTES = 64
"""What one number of an array costs when it is kept."""
BUFFER_BYTES = 1 << 18

TEXT, ARRAY = 8, 9
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
TOKENS_KEY = "tokenizer.ggml.tokens"
LINE_EDIT_MARKS = frozenset({b"<|code|>", b"<|edit|>", b"<|end|>"})
MARKS = LINE_EDIT_MARKS | FIM_MARKS
"""Tokens of the vocabulary by which one sees how a model wants to be asked."""

Value = int | float | bool | str | tuple[int | float, ...]


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself, and what its size confirms."""

    version: int
    metadata: dict[str, Value]
    """Single values, texts, and short arrays of numbers."""
    marks: frozenset[bytes]
    """Those of `MARKS` that are in the vocabulary."""
    vocabulary_size: int
    tensors: int
    parameters: int
    """Numbers in all tensors."""
    weight_bytes: int
    """Bytes of the tensors whose type is known."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Tensor type → bytes."""

    @property
    def architecture(self) -> str:
        """Name of the network's kind; empty when the file does not say."""
        return self.text("general.architecture")

    @property
    def quantisation(self) -> str:
        """The mixture the file names, else the type that most bytes have; empty for a file without tensors."""
        named = FILE_TYPES.get(self.number("general.file_type", -1))
        return named or max(self.kinds, key=lambda kind: self.kinds[kind], default="")

    def text(self, key: str) -> str:
        """Return a text, or an empty one."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str, absent: int = 0) -> int:
        """Return a whole number, the largest of an array, or `absent`."""
        value = self.metadata.get(key, absent)
        if isinstance(value, tuple):
            value = max(value, default=absent)
        return int(value) if isinstance(value, int | float) and abs(value) < 2**63 else absent

    def of_architecture(self, key: str) -> int:
        """Return a number that is kept under the architecture's name; 0 when it is absent."""
        return self.number(f"{self.architecture}.{key}")


def read_header(path: Path) -> Header:
    """Read a file's header and check that its tensors' data is all there.

    Raises:
        ModelError: it cannot be read, is not GGUF, of an unknown version, damaged, or cut short.
    """
    try:
        size = path.stat().st_size
        with path.open("rb", buffering=BUFFER_BYTES) as file:
            return _Reader(file, size, path).header()
    except FileNotFoundError as error:
        raise UnknownModelError(f"There is no model file {path}.") from error
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror or error}.") from error


class _Reader:
    def __init__(self, file: IO[bytes], size: int, path: Path) -> None:
        self._file, self._size, self._path = file, size, path
        self._at = 0
        self._elements = 0
        self._kept = 0
        self._marks: set[bytes] = set()
        self._vocabulary_size = 0

    def header(self) -> Header:
        version = self._version()
        tensors, fields = self._number("<Q"), self._number("<Q")
        if fields > MOST_FIELDS or tensors > MOST_TENSORS:
            self._damaged(f"it claims {fields:,} fields and {tensors:,} tensors")
        metadata: dict[str, Value] = {}
        for _ in range(fields):
            key = self._kept_text(LONGEST_KEY, "a field's name")
            value = self._value(self._number("<I"), key)
            if value is not None:
                metadata[key] = value
        kinds, parameters, end = self._tensors(tensors)
        self._refuse_cut_short(end, metadata)
        return Header(version, metadata, frozenset(self._marks), self._vocabulary_size, tensors, parameters, sum(kinds.values()), kinds)

    def _version(self) -> int:
        magic = self._take(4) if self._size >= 4 else b""
        if magic != MAGIC:
            raise ModelError(f"{self._path} is not a GGUF file: it does not begin with the letters GGUF. Fetch it again, or name another.")
        version = self._number("<I")
        if version in VERSIONS:
            return version
        if version & 0xFFFF == 0:
            raise ModelError(f"{self._path} is a GGUF file in big-endian byte order, which llama.cpp cannot load on this machine.")
        newer = version > max(VERSIONS)
        advice = "update refine_tui" if newer else "convert it anew with a current llama.cpp"
        raise ModelError(f"{self._path} is a GGUF file of version {version}; versions 2 and 3 can be read: {advice}.")

    def _take(self, size: int) -> bytes:
        self._require(size)
        data = self._file.read(size)
        if len(data) < size:
            raise ModelError(f"{self._path} became shorter while it was read. Fetch the file again.")
        self._at += size
        return data

    def _skip(self, size: int) -> None:
        self._require(size)
        self._file.seek(size, os.SEEK_CUR)
        self._at += size

    def _require(self, size: int) -> None:
        if size > self._size - self._at:
            raise ModelError(f"{self._path} is cut short: its header ends after {self._size:,} bytes. Fetch the file again.")
        if self._at + size > LARGEST_HEADER:
            self._damaged(f"its header claims more than {LARGEST_HEADER:,} bytes")

    def _number(self, form: str) -> int:
        (value,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return int(value)

    def _text(self, longest: int, what: str) -> bytes:
        size = self._number("<Q")
        if size > longest:
            self._damaged(f"{what} claims {size:,} bytes")
        return self._take(size)

    def _kept_text(self, longest: int, what: str) -> str:
        data = self._text(longest, what)
        self._keep(len(data), what)
        return data.decode("utf-8", "replace")

    def _keep(self, size: int, what: str) -> None:
        self._kept += size
        if self._kept > MOST_KEPT:
            self._damaged(f"with {what} its fields take more than {MOST_KEPT:,} bytes")

    def _value(self, kind: int, key: str) -> Value | None:
        if kind == TEXT:
            return self._kept_text(LONGEST_TEXT, key)
        if kind == ARRAY:
            return self._array(key)
        if kind not in SCALARS:
            self._damaged(f"{key} has the unknown type {kind}")
        form = SCALARS[kind]
        value: int | float | bool = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return value

    def _array(self, key: str) -> Value | None:
        kind, count = self._number("<I"), self._number("<Q")
        self._elements += count
        if self._elements > MOST_ELEMENTS:
            self._damaged(f"{key} claims {count:,} elements")
        if kind == TEXT:
            self._walk_texts(key, count)
            return None
        if kind not in SCALARS:
            self._damaged(f"{key} is an array of the unknown type {kind}")
        form = SCALARS[kind]
        size = count * struct.calcsize(form)
        if count > KEPT_ELEMENTS:
            self._skip(size)
            return None
        self._keep(count * NUMBER_BYTES, key)
        return struct.unpack(f"<{count}{form[1]}", self._take(size))

    def _walk_texts(self, key: str, count: int) -> None:
        is_vocabulary = key == TOKENS_KEY
        self._vocabulary_size = count if is_vocabulary else self._vocabulary_size
        for _ in range(count):
            text = self._text(LONGEST_TEXT, key)
            if is_vocabulary and text in MARKS:
                self._marks.add(text)

    def _tensors(self, count: int) -> tuple[dict[str, int], int, int]:
        """Read the list of tensors: bytes for each type, numbers in all, and where the last one ends in the data."""
        kinds: Counter[str] = Counter()
        parameters = end = 0
        for _ in range(count):
            name = self._text(LONGEST_TENSOR_NAME, "a tensor's name").decode("utf-8", "replace")
            numbers = self._shape(name)
            kind, offset = self._number("<I"), self._number("<Q")
            size = size_bytes(kind, numbers)
            parameters += numbers
            # A type that is not known here may be fine for llama.cpp; at least its beginning must be in the file.
            end = max(end, offset + (size or 0))
            if size is not None:
                kinds[BLOCKS[kind][0]] += size
        return dict(kinds), parameters, end

    def _shape(self, name: str) -> int:
        dimensions = self._number("<I")
        if dimensions > MOST_DIMENSIONS:
            self._damaged(f"tensor {name} claims {dimensions:,} dimensions")
        numbers = 1
        for _ in range(dimensions):
            numbers *= self._number("<Q")
        if numbers > MOST_NUMBERS:
            self._damaged(f"tensor {name} claims {numbers:,} numbers")
        return numbers

    def _refuse_cut_short(self, end: int, metadata: dict[str, Value]) -> None:
        alignment = metadata.get("general.alignment", 32)
        if isinstance(alignment, bool) or not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            self._damaged(f"its alignment is {alignment}")
        needed = -(-self._at // alignment) * alignment + end
        if end and needed > self._size:
            raise ModelError(
                f"{self._path} is cut short: it has {self._size:,} bytes and its tensors need {needed:,}. Fetch the file again."
            )

    def _damaged(self, claim: str) -> NoReturn:
        raise ModelError(f"{self._path} is damaged: {printable(claim)}. Fetch the file again.")


def printable(text: str, longest: int = 120) -> str:
    """Return a text from a file as it may be shown: no control characters, and not too long."""
    keep: Callable[[str], str] = lambda letter: letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"  # noqa: E731
    shown = "".join(map(keep, text[: longest + 1]))
    return shown if len(shown) <= longest else shown[:longest] + "…"
