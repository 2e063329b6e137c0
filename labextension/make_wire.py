"""Write ``src/wire.ts`` from the dataclasses of two modules: ``python labextension/make_wire.py``."""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path

from jupyter_amltrain.runs import glance, run_state

WIRE = Path(__file__).parent / "src" / "wire.ts"
_HEAD = """// Written by make_wire.py from jupyter_amltrain/runs/{run_state,glance}.py, which tell what fields mean.
"""
_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def wire() -> str:
    """The text of ``wire.ts``."""
    shapes = [
        value
        for module in (run_state, glance)
        for value in vars(module).values()
        if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
    ]
    return _HEAD + "".join(_interface(shape) for shape in shapes)


def _interface(shape: type) -> str:
    hints = typing.get_type_hints(shape)
    fields = "".join(f"  {field.name}: {_type(hints[field.name])};\n" for field in dataclasses.fields(shape))
    return f"\nexport interface I{shape.__name__} {{\n{fields}}}\n"


def _type(hint: typing.Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " | ".join(f"'{value}'" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_type(argument) for argument in arguments)
    if origin is tuple:
        if arguments[1:] == (...,):
            element = _type(arguments[0])
            return f"({element})[]" if " | " in element else f"{element}[]"
        return f"[{', '.join(_type(argument) for argument in arguments)}]"
    return f"I{hint.__name__}" if dataclasses.is_dataclass(hint) else _PLAIN[hint]


if __name__ == "__main__":
    WIRE.write_text(wire())
