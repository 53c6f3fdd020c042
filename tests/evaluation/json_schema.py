"""The part of JSON Schema that our own schemas use, strictly: a keyword it does not know is an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def violations(value: Any, schema: dict[str, Any]) -> list[str]:
    """Say where `value` is not what the schema says, each with its place."""
    return list(_violations(value, schema, schema, "$"))


def _violations(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    for keyword, wanted in schema.items():
        match keyword:
            case _ if keyword in _ANNOTATIONS:
                pass
            case "$ref":
                assert wanted.startswith("#/$defs/"), wanted
                yield from _violations(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, at)
            case "type":
                if not isinstance(value, _TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean"):
                    yield f"{at}: {value!r} is no {wanted}"
            case "const":
                if value != wanted:
                    yield f"{at}: {value!r} is not {wanted!r}"
            case "enum":
                if value not in wanted:
                    yield f"{at}: {value!r} is none of {wanted}"
            case "minimum":
                if isinstance(value, int | float) and value < wanted:
                    yield f"{at}: {value!r} is below {wanted}"
            case "required":
                yield from (f"{at}: {name} is missing" for name in wanted if name not in value)
            case "properties":
                for name in wanted.keys() & value.keys():
                    yield from _violations(value[name], wanted[name], root, f"{at}.{name}")
            case "additionalProperties":
                for name in value.keys() - schema.get("properties", {}).keys():
                    yield from (
                        [f"{at}: {name} is not expected"] if wanted is False else _violations(value[name], wanted, root, f"{at}.{name}")
                    )
            case "items":
                for index, item in enumerate(value):
                    yield from _violations(item, wanted, root, f"{at}[{index}]")
            case _:
                raise AssertionError(f"the validator does not know {keyword}")
