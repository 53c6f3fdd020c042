"""Under which name a file of the project is imported, as far as its place tells."""

from __future__ import annotations

from pathlib import Path


def module_names(project: Path, path: str) -> list[str]:
    """Return dotted names of a project file, the likeliest first.

    A file in packages is named from the outermost folder that has an `__init__.py`; without one the names from the project's folder,
    from a folder `src`, and by itself are all possible.
    """
    *folders, name = Path(path).with_suffix("").parts
    parts = folders if name == "__init__" and folders else [*folders, name]
    inner = len(folders)
    while inner and (project / Path(*folders[:inner]) / "__init__.py").is_file():
        inner -= 1
    starts = [inner] if inner < len(folders) else []
    starts += [1, 0] if folders[:1] == ["src"] else [0]
    starts += range(len(parts) - 1, 0, -1)
    return list(dict.fromkeys(".".join(parts[start:]) for start in starts if parts[start:]))
