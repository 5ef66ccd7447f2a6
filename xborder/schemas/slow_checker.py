"""Checking with jsonschema: the oracle of the tests, and the fallback without the Rust wheel.

Its patterns are Python's, so ``$`` is rewritten to the very end, and classes are ASCII.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from xborder.schemas import numbers, patterns
from xborder.schemas.dialect import Schema
from xborder.schemas.library import Library
from xborder.schemas.tables import Tables
from xborder.schemas.validation import Failure

Errors = Iterator[ValidationError]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(patterns.for_python(pattern), re.ASCII)


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Errors:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError("pattern")


def _digits(_: Any, most: list[int], instance: Any, __: Any) -> Errors:
    is_number = isinstance(instance, int | Decimal) and not isinstance(instance, bool)
    if is_number and not numbers.fits(instance, *most):
        yield ValidationError("x-digits")


# The three below yield one error a property, and name it where jsonschema only words it.
def _required(_: Any, wanted: list[str], instance: Any, __: Any) -> Errors:
    for name in wanted if isinstance(instance, dict) else ():
        if name not in instance:
            yield ValidationError("required", path=[name])


def _dependent(_: Any, wanted: dict[str, list[str]], instance: Any, __: Any) -> Errors:
    for given, names in wanted.items() if isinstance(instance, dict) else ():
        for name in names:
            if given in instance and name not in instance:
                yield ValidationError("dependentRequired", path=[name])


def _additional(validator: Any, allowed: Any, instance: Any, schema: dict[str, Any]) -> Errors:
    further = set(instance if isinstance(instance, dict) else ()) - set(
        schema.get("properties", ())
    )
    for name in sorted(further):
        if allowed is False:
            yield ValidationError("additionalProperties", path=[name])
        elif allowed is not True:
            yield from validator.descend(instance[name], allowed, path=name)


class SlowChecker:
    """A schema, or the part of it that ``root`` is, checked by jsonschema."""

    def __init__(
        self, library: Library, name: str, held: Tables, root: Schema | None = None
    ) -> None:
        def table(_: Any, spec: str, instance: Any, __: Any) -> Errors:
            if not isinstance(instance, str) or instance not in held.members(spec):
                yield ValidationError("x-table")

        def described(_: Any, __: Any, instance: Any, ___: Any) -> Errors:
            if not isinstance(instance, str) or not held.is_described(instance):
                yield ValidationError("x-described")

        keywords = {
            "pattern": _pattern,
            "x-digits": _digits,
            "x-table": table,
            "x-described": described,
            "required": _required,
            "dependentRequired": _dependent,
            "additionalProperties": _additional,
        }
        kind = validators.extend(Draft202012Validator, keywords)
        # jsonschema picks the class anew at every "$schema" that a reference leads to, and
        # would forget the keywords above: so the copies that it sees have none.
        bare = {
            one: {key: value for key, value in schema.items() if key != "$schema"}
            for one, schema in library.schemas.items()
        }
        registry: Registry[Any] = Registry().with_resources(
            (schema["$id"], DRAFT202012.create_resource(schema)) for schema in bare.values()
        )
        part = {key: value for key, value in (root or bare[name]).items() if key != "$schema"}
        self.validator = kind(part, registry=registry)

    def is_valid(self, instance: Mapping[str, Any]) -> bool:
        return next(self.validator.iter_errors(instance), None) is None

    def failures(self, instance: Mapping[str, Any]) -> Iterator[Failure]:
        for error in self.validator.iter_errors(instance):
            yield Failure(tuple(error.absolute_path), str(error.validator), error.schema)
