"""Fetches a model by its address or by its card's name: room on the disk first, checked before it gets its name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from refine_tui.core.errors import ModelError, StorageError, UsageError
from refine_tui.models.addresses import Address, parse_address
from refine_tui.models.cards import CardFile
from refine_tui.models.description import ModelFile
from refine_tui.models.digests import digest
from refine_tui.models.download import Download, Progress, Way
from refine_tui.models.gguf_header import read_header
from refine_tui.models.partial import Origin, Partial, hold_partial, part_paths
from refine_tui.models.registry import Registry, gigabytes
from refine_tui.models.storing import write_atomically

RESERVE_BYTES = 64 * 1024 * 1024
"""What stays free on the disk."""


@dataclass(frozen=True)
class Pulled:
    """A model that was fetched."""

    model: ModelFile
    sha256: str
    """Of its file; of a model in parts, of the last."""
    checked: str
    """What the sha256 was compared with: `card`, `hub`, or nothing when neither tells one."""


class Puller:
    """Fetches models into the user's folder."""

    def __init__(self, registry: Registry, way: Way, environment: Mapping[str, str] = os.environ) -> None:
        """Take where models are kept, and how other machines are reached."""
        self._registry, self._way, self._environment = registry, way, environment

    def address(self, wanted: str) -> Address:
        """Return where a model is fetched from.

        Raises:
            UsageError: it is no address.
            UnknownModelError: no card has this name, or its card has no address.
        """
        if ":" in wanted:
            return parse_address(wanted, self._environment)
        card = self._registry.known(wanted)
        if not card.files or not card.files[0].address:
            raise UsageError(f"The card of {wanted} names no address to fetch it from. Its source is {card.source or 'unknown'}.")
        return parse_address(card.files[0].address, self._environment)

    def pull(self, wanted: str) -> Iterator[Progress | Pulled]:
        """Fetch a model and tell how far it is; ends with `Pulled`. Whoever stops listening stops it; what has arrived is kept.

        Raises:
            UsageError: it is no address, there is a model of that name, or another process fetches it.
            NetworkError, ModelError, StorageError: as `Download.run`, or what arrived is not the model.
        """
        parts = self.address(wanted).parts()
        targets = [self._registry.data_dir / part.file for part in parts]
        if all(target.exists() for target in targets):
            part_paths(targets[0])[1].unlink(missing_ok=True)
            raise UsageError(f"There is a model {targets[0].stem} already. To fetch it anew: refine-tui models remove {targets[0].stem}.")
        found = checked = ""
        for part, target in zip(parts, targets, strict=True):
            with hold_partial(target) as partial:
                if not target.exists():
                    found, checked = yield from self._fetch(part, partial)
        yield Pulled(self._registry.resolve(targets[0].stem), found, checked)

    def _fetch(self, address: Address, partial: Partial) -> Generator[Progress, None, tuple[str, str]]:
        """Fetch one file; returns its sha256 and what that was compared with."""
        card = self._registry.card_of_file(address.file)
        entry = (card and card.file(address.file)) or CardFile(address.file)
        yield from Download(address, partial, self._way, self._admission(address, entry)).run()
        yield Progress(address.file, partial.size, partial.size, note="checking what has arrived")
        found, checked = _verified(partial, entry)
        if card is None and address.file == address.parts()[0].file:
            _write_card(partial.target, address, found)
        partial.finish()
        return found, checked

    def _admission(self, address: Address, entry: CardFile) -> Callable[[Origin, int], None]:
        def admit(origin: Origin, left: int) -> None:
            if entry.bytes and origin.total_bytes and origin.total_bytes != entry.bytes:
                claims = f"{origin.total_bytes:,} bytes, its card says {entry.bytes:,}"
                raise ModelError(
                    f"{address.file} at {address.host} has {claims}: it is another file. Fetch it by the address of the one you want."
                )
            self._require_room(left)

        return admit

    def _require_room(self, left: int) -> None:
        folder = self._registry.data_dir
        free = shutil.disk_usage(folder).free
        if left + RESERVE_BYTES > free:
            raise StorageError(
                f"{gigabytes(left)} GB are still to be fetched and {gigabytes(free)} GB are free in {folder}. "
                "Make room, or remove a model: refine-tui models list."
            )


def _verified(partial: Partial, entry: CardFile) -> tuple[str, str]:
    """Return the sha256 of what has arrived, and what it was compared with.

    Raises:
        ModelError: it is not the file that was meant, or no GGUF file; it is thrown away.
    """
    hub = partial.origin.sha256 if partial.origin else ""
    expected, checked = (entry.sha256, "card") if entry.sha256 else (hub, "hub" if hub else "")
    found = digest(partial.path)
    try:
        if expected and found != expected:
            raise ModelError(f"its sha256 is {found}, and the {checked} says {expected}")
        read_header(partial.path)
    except ModelError as error:
        partial.drop()
        reason = str(error).replace(str(partial.path), "it").rstrip(".")
        raise ModelError(
            f"What arrived is not {entry.name}: {reason}. It was thrown away; fetch it anew, or from another address."
        ) from error
    return found, checked


def _write_card(target: Path, address: Address, sha256: str) -> None:
    """Keep where a file came from, when no card knows it."""
    rows = {"name": target.stem, "source": address.source, "file": target.name, "sha256": sha256}
    text = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in rows.items())
    write_atomically(target.with_suffix(".toml"), text.encode())
