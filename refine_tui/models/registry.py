"""The models there are: the one that ships, those in the user's folder, and any file named by its path."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from refine_tui.core.errors import ModelError, StorageError
from refine_tui.models.gguf_header import FIM_MARKS, LINE_EDIT_MARKS, Header, read_header
from refine_tui.models.memory import available_bytes, needed_bytes

APPLICATION = "refine_tui"
CHOICE_FILE = "model.json"
LARGEST_CONTEXT = 8192
"""Context taken by default when the model allows as many or more; the engine keeps to the same figure."""
PROFILES = ("line-edit", "scope-rewrite", "fim")
LARGEST_CARD_BYTES = 1 << 20
PART = re.compile(r"(.+)-00001-of-(\d{5})")

Origin = Literal["shipped", "user", "path"]


@dataclass(frozen=True)
class ModelFile:
    """A model that could be loaded. What its file and card do not say is `None`, never guessed."""

    name: str
    path: Path
    origin: Origin
    architecture: str | None
    quantisation: str | None
    context_tokens: int | None
    """What it was trained for."""
    parameters: int
    size_bytes: int
    licence: str | None
    chat_template: str | None
    profile: str
    profile_reason: str
    header: Header = field(repr=False)
    card: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The model card beside the file, as TOML; empty when there is none."""

    @property
    def usable_context_tokens(self) -> int:
        """Context that is taken when the user asks for none."""
        return min(self.context_tokens or LARGEST_CONTEXT, LARGEST_CONTEXT)


@dataclass(frozen=True, slots=True)
class UnusableFile:
    """A file that is called a model and cannot be one."""

    name: str
    path: Path
    reason: str


def packaged_folder() -> Path:
    """Return the folder of the model that ships: inside an installed package, else at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_data" / "models"
    return installed if installed.is_dir() else package.parent / "models"


def user_folder() -> Path:
    """Return the folder for the user's own models."""
    import platformdirs

    return platformdirs.user_data_path(APPLICATION) / "models"


def config_folder() -> Path:
    """Return the folder of the user's settings."""
    import platformdirs

    return platformdirs.user_config_path(APPLICATION)


class Registry:
    """Finds models by name or path and remembers the one in use."""

    def __init__(self, data_dir: Path | None = None, packaged_dir: Path | None = None, user_config: Path | None = None) -> None:
        """Take the folders; by default the user's and the package's own.

        Args:
            data_dir: the user's models.
            packaged_dir: where the model that ships lies.
            user_config: where the choice is stored.
        """
        self.data_dir = user_folder() if data_dir is None else data_dir
        self.packaged_dir = packaged_folder() if packaged_dir is None else packaged_dir
        self._choice = (config_folder() if user_config is None else user_config) / CHOICE_FILE

    def list(self) -> tuple[ModelFile | UnusableFile, ...]:
        """Return the model that ships, then the user's by name; files that cannot be read come with the reason."""
        return tuple(self._described(path, origin) for path, origin in self._files())

    def shipped(self) -> ModelFile:
        """Return the model that ships.

        Raises:
            ModelError: it is missing or damaged.
        """
        paths = gguf_files(self.packaged_dir)
        if not paths:
            raise ModelError(f"The model that ships is missing from {self.packaged_dir}; name another with --model, or use --model none.")
        return describe(paths[0], "shipped")

    def resolve(self, wanted: str | None = None) -> ModelFile:
        """Return the model of a name or path; without one the model in use, which is the one that ships until another is chosen.

        Raises:
            ModelError: there is no such model, or its file cannot be used.
        """
        if wanted is None:
            wanted = self.chosen()
            if wanted is None:
                return self.shipped()
        for path, origin in self._files():
            if wanted in (path.stem, path.name):
                return describe(path, origin)
        path = Path(wanted).expanduser()
        if path.is_file():
            return describe(path.resolve(), "path")
        raise ModelError(f"There is no model {wanted}. Models: {self._names() or 'none'}; a path to a .gguf file works too.")

    def use(self, wanted: str) -> ModelFile:
        """Make a model the one in use and remember it.

        Raises:
            ModelError: as `resolve`.
            StorageError: the choice cannot be stored.
        """
        model = self.resolve(wanted)
        stored = str(model.path) if model.origin == "path" else model.name
        write_atomically(self._choice, json.dumps({"model": stored}).encode())
        return model

    def chosen(self) -> str | None:
        """Return the name or path that was stored, or `None`; a file that cannot be read counts as none."""
        try:
            stored = json.loads(self._choice.read_bytes())["model"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return stored if isinstance(stored, str) and stored else None

    def require_memory(self, model: ModelFile, context_tokens: int | None = None, *, gpu_bytes: int = 0) -> None:
        """Check that a model fits into memory; passes where the free memory cannot be told.

        Args:
            model: the model.
            context_tokens: `None` means what is taken by default.
            gpu_bytes: free memory of GPUs that layers go to.

        Raises:
            ModelError: it does not fit.
        """
        context = context_tokens or model.usable_context_tokens
        free = available_bytes()
        needed = needed_bytes(model.header, context)
        if free is not None and needed > free + gpu_bytes:
            figures = f"{gigabytes(needed)} GB with a context of {context:,} tokens, {gigabytes(free + gpu_bytes)} GB are free"
            raise ModelError(f"{model.name} needs {figures}: choose a smaller model, a stronger quantisation or a smaller context.")

    def _files(self) -> Iterator[tuple[Path, Origin]]:
        for path in gguf_files(self.packaged_dir)[:1]:
            yield path, "shipped"
        for path in gguf_files(self.data_dir):
            yield path, "user"

    def _names(self) -> str:
        return ", ".join(path.stem for path, _ in self._files())

    @staticmethod
    def _described(path: Path, origin: Origin) -> ModelFile | UnusableFile:
        try:
            return describe(path, origin)
        except ModelError as error:
            return UnusableFile(path.stem, path, str(error))


def gguf_files(folder: Path) -> list[Path]:
    """Return a folder's GGUF files by name; of a model in several parts only the first."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".gguf" and path.is_file())
    except OSError:
        return []
    return [path for path in paths if not re.fullmatch(r".+-(?!00001)\d{5}-of-\d{5}", path.stem)]


def describe(path: Path, origin: Origin) -> ModelFile:
    """Return what a file and its card say.

    Raises:
        ModelError: the file is not a usable GGUF file, or its card is not TOML.
    """
    header, card = read_header(path), read_card(path.with_suffix(".toml"))
    if header.architecture == "" or header.tensors == 0:
        raise ModelError(f"{path} holds no model: it names no architecture or has no tensors.")
    profile, reason = choose_profile(header, card)
    return ModelFile(
        name=path.stem,
        path=path,
        origin=origin,
        architecture=header.architecture or None,
        quantisation=header.quantisation or None,
        context_tokens=header.of_architecture("context_length") or None,
        parameters=header.parameters,
        size_bytes=sum(part.stat().st_size for part in parts(path)),
        licence=str(card.get("licence") or card.get("license") or header.text("general.license")) or None,
        chat_template=header.text("tokenizer.chat_template") or None,
        profile=profile,
        profile_reason=reason,
        header=header,
        card=card,
    )


def parts(path: Path) -> list[Path]:
    """Return every file of a model, which is more than one when it was split."""
    match = PART.fullmatch(path.stem)
    if match is None:
        return [path]
    return sorted(path.parent.glob(f"{glob_escaped(match[1])}-*-of-{match[2]}.gguf"))


def glob_escaped(text: str) -> str:
    """Return a pattern that matches a text as it is."""
    return re.sub(r"([\[\]*?])", r"[\1]", text)


def read_card(path: Path) -> Mapping[str, Any]:
    """Return a model card, or nothing when there is none.

    Raises:
        ModelError: it is not TOML.
    """
    try:
        if path.stat().st_size > LARGEST_CARD_BYTES:
            raise ModelError(f"The model card {path} is larger than {LARGEST_CARD_BYTES:,} bytes.")
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"The model card {path} cannot be read: {error}.") from error


def choose_profile(header: Header, card: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a model wants to be asked, and why that is believed."""
    if card.get("profile") in PROFILES:
        return str(card["profile"]), "its card says so"
    if header.marks >= LINE_EDIT_MARKS:
        return "line-edit", "its vocabulary has the marks of line edits"
    if header.text("tokenizer.chat_template"):
        return "scope-rewrite", "it has a chat template"
    if header.marks & FIM_MARKS:
        return "fim", "its vocabulary has the marks for filling in the middle, and it has no chat template"
    return "scope-rewrite", "it has neither a chat template nor marks for line edits or filling in the middle"


def gigabytes(size: int) -> str:
    """Return a size in billions of bytes with one digit, at least 0.1."""
    return f"{max(size / 1e9, 0.1):.1f}"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}.") from error
