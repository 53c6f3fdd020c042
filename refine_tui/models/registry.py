"""The models there are: the one that ships, those in the user's folder, any file named by its path, and those only known by a card."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from refine_tui.core.errors import ModelError, StorageError, UnknownModelError, UsageError
from refine_tui.models.cards import Card, read_card
from refine_tui.models.description import PART, ModelFile, Origin, UnusableFile, describe, parts
from refine_tui.models.memory import available_bytes, needed_bytes
from refine_tui.models.partial import part_paths
from refine_tui.models.storing import write_atomically

APPLICATION = "refine_tui"
CHOICE_FILE = "model.json"
NO_MODEL = "none"


def packaged_folder() -> Path:
    """Return the folder of the model that ships and of the cards: inside an installed package, else at the top of a checkout."""
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


def is_address(wish: str) -> bool:
    """Say whether a wish is a model server's address and no name or path."""
    return wish.startswith(("http://", "https://"))


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
        self.choice_file = (config_folder() if user_config is None else user_config) / CHOICE_FILE

    @cached_property
    def cards(self) -> tuple[Card, ...]:
        """Models known by a card, whether their files are here or not, the smallest first.

        Raises:
            ModelError: a card cannot be read.
        """
        paths = sorted(self.packaged_dir.glob("*.toml")) if self.packaged_dir.is_dir() else []
        found = [read_card(path) for path in paths if not path.with_suffix(".gguf").exists()]
        return tuple(sorted(found, key=lambda card: (card.parameters or 0, card.name)))

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
            UnknownModelError: there is no such model.
            ModelError: its file cannot be used.
        """
        wanted = wanted or self.chosen()
        if wanted is None:
            return self.shipped()
        found = self._named(wanted)
        if found:
            return describe(*found, self.cards)
        path = Path(wanted).expanduser()
        # A bare word is a name: a file of that name in the working folder is not what was meant.
        if ("/" in wanted or path.suffix == ".gguf") and path.is_file():
            return describe(path.resolve(), "path", self.cards)
        raise self._unknown(wanted)

    def use(self, wanted: str) -> ModelFile | None:
        """Make a model the one in use and remember it; `none` and a server's address are remembered as they are.

        Raises:
            UnknownModelError, ModelError: as `resolve`.
            StorageError: the choice cannot be stored.
        """
        model = None if wanted == NO_MODEL or is_address(wanted) else self.resolve(wanted)
        stored = wanted if model is None else str(model.path) if model.origin == "path" else model.name
        write_atomically(self.choice_file, json.dumps({"model": stored}).encode())
        return model

    def chosen(self) -> str | None:
        """Return the name, path or address that was stored, or `None`; a file that cannot be read counts as none."""
        try:
            stored = json.loads(self.choice_file.read_bytes())["model"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return stored if isinstance(stored, str) and stored else None

    def add(self, file: Path) -> ModelFile:
        """Make a file of the user's a model under its own name. It stays where it is: only a link to it is stored.

        Raises:
            ModelError: it cannot be used.
            UsageError: there is a model of that name.
            StorageError: the link cannot be stored.
        """
        model = describe(file.expanduser().resolve(), "path", self.cards)
        if self._named(model.name):
            raise UsageError(f"There is a model {model.name} already. Remove it first: refine-tui models remove {model.name}.")
        card = model.path.with_suffix(".toml")
        links = [*parts(model.path), *([card] if card.is_file() else [])]
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            for target in links:
                link = self.data_dir / target.name
                link.unlink(missing_ok=True)
                link.symlink_to(target)
        except OSError as error:
            raise StorageError(f"No link to {model.path} can be made in {self.data_dir}: {error.strerror or error}.") from error
        return describe(self.data_dir / model.path.name, "user", self.cards)

    def remove(self, wanted: str) -> int:
        """Take a model out of the user's folder, with its card; of a linked one only the link. Returns the bytes that became free.

        A model in use that is gone is in use no longer.

        Raises:
            UnknownModelError: there is no such model.
            UsageError: it is not in the user's folder.
            StorageError: it cannot be removed.
        """
        found = self._named(wanted)
        if found is None:
            raise self._unknown(wanted)
        path, origin = found
        if origin != "user":
            raise UsageError(f"{path.stem} comes with the program and stays. Choose another with `refine-tui models use`.")
        freed = 0
        try:
            left_over = [part for file in siblings(path) for part in part_paths(file)]
            for file in (*siblings(path), path.with_suffix(".toml"), *left_over):
                freed += 0 if file.is_symlink() or not file.exists() else file.stat().st_size
                file.unlink(missing_ok=True)
            if self.chosen() in (path.stem, path.name):
                self.choice_file.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path} cannot be removed: {error.strerror or error}.") from error
        return freed

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

    def _named(self, wanted: str) -> tuple[Path, Origin] | None:
        """Return the file of a name, of a file name, or of a card's name, if there is one."""
        for path, origin in self._files():
            if wanted in (path.stem, path.name):
                return path, origin
        card = self.card(wanted)
        return next((found for found in self._files() if card and card.file(found[0].name)), None)

    def card(self, name: str) -> Card | None:
        """Return the card of a name."""
        return next((card for card in self.cards if card.name == name), None)

    def known(self, name: str) -> Card:
        """Return the card of a name.

        Raises:
            UnknownModelError: there is none.
        """
        card = self.card(name)
        if card is None:
            raise self._unknown(name)
        return card

    def card_of_file(self, name: str) -> Card | None:
        """Return the card that lists a file, if there is one."""
        return next((card for card in self.cards if card.file(name)), None)

    def _unknown(self, wanted: str) -> UnknownModelError:
        if self.card(wanted):
            return UnknownModelError(f"{wanted} is not here. Fetch it: refine-tui models pull {wanted}.")
        names = [*(path.stem for path, _ in self._files()), *(card.name for card in self.cards)]
        close = near(wanted, names)
        ways = f"Near: {', '.join(close)}." if close else "`refine-tui models list` shows the ones there are."
        return UnknownModelError(f"There is no model {wanted}. {ways} A path to a .gguf file works too.")

    def _described(self, path: Path, origin: Origin) -> ModelFile | UnusableFile:
        try:
            if path.is_symlink() and not path.exists():
                raise ModelError(f"The file it was added from, {path.readlink()}, is gone.")
            return describe(path, origin, self.cards)
        except ModelError as error:
            return UnusableFile(path.stem, path, str(error))


def near(wanted: str, names: Iterable[str]) -> list[str]:
    """Return at most three names that someone who typed `wanted` may have meant, the nearest first."""
    by_folded = {name.casefold(): name for name in names}
    folded = Path(wanted).stem.casefold()
    holding = [name for name in by_folded if folded and folded in name]
    close = get_close_matches(folded, by_folded, n=3, cutoff=0.5)
    return [by_folded[name] for name in dict.fromkeys((*close, *sorted(holding, key=len)))][:3]


def siblings(path: Path) -> list[Path]:
    """Return the files of a model that are there, which are several when it was split."""
    match = PART.fullmatch(path.stem)
    return [path] if match is None else sorted(path.parent.glob(f"{glob.escape(match[1])}-*-of-{match[2]}.gguf"))


def gguf_files(folder: Path) -> list[Path]:
    """Return a folder's GGUF files by name, links to files that are gone included; of a model in several parts only the first."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".gguf" and (path.is_file() or path.is_symlink()))
    except OSError:
        return []
    return [path for path in paths if not re.fullmatch(r".+-(?!00001)\d{5}-of-\d{5}", path.stem)]


def gigabytes(size: int) -> str:
    """Return a size in billions of bytes with one digit, at least 0.1."""
    return f"{max(size / 1e9, 0.1):.1f}"
