"""A form with a file, received without holding it in memory (接收上传).

The file's bytes go to the disk as they arrive, into a file without a name in the landing
folder: a lost connection or a crash leaves nothing behind. What the client calls the file is a
text to show, never a path.
"""

import hashlib
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from xborder.portal.limits import Limits

FILE_FIELD = "file"


class FormError(Exception):
    """The form is not one of ours; ``key`` names the text that says what is wrong."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass
class Form:
    """What was received: text fields, the file (at its start), its name, size and SHA-256."""

    file: BinaryIO
    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    size: int = 0
    sha256: str = ""


async def receive(request: Request, folder: Path, limits: Limits, stack: ExitStack) -> Form:
    """Receive a multipart form with exactly one file part, called ``file``.

    The file lives until ``stack`` is closed. Raises FormError, ``guard.TooLargeError`` from
    the stream, and ``starlette.requests.ClientDisconnect``.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise FormError("error.form")
    unnamed = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - see above
    form = Form(cast(BinaryIO, unnamed))
    try:
        reader = _Reader(form, boundary, limits)
        async for block in request.stream():
            await run_in_threadpool(reader.write, block)
        reader.finish()
    except FormParserError as error:
        raise FormError("error.form") from error
    form.file.seek(0)
    return form


class _Reader:
    """Fills a form from blocks of a multipart body."""

    def __init__(self, form: Form, boundary: bytes, limits: Limits) -> None:
        self.form = form
        self.limits = limits
        self.digest = hashlib.sha256()
        self.parts = 0
        self.ended = False
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
            max_header_count=8,
            max_header_size=4096,
        )

    def write(self, block: bytes) -> None:
        """Take a block; raises FormError and ``FormParserError``."""
        if block:
            self.parser.write(block)

    def finish(self) -> None:
        """All has arrived; raises FormError when the form was cut off or holds no file."""
        self.parser.finalize()
        if not self.ended:
            raise FormError("error.truncated")
        if self.form.file_name is None:
            raise FormError("error.no_file")
        self.form.sha256 = self.digest.hexdigest()

    def _part_begin(self) -> None:
        self.parts += 1
        if self.parts > self.limits.fields:
            raise FormError("error.form")
        self.headers: dict[bytes, bytes] = {}
        self.name, self.is_file = "", False
        self.header, self.value, self.content = b"", b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self.header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def _header_end(self) -> None:
        self.headers[self.header.lower()] = self.value
        self.header, self.value = b"", b""

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise FormError("error.form")
        self.name = options[b"name"].decode("utf-8", "replace")
        self.is_file = b"filename" in options
        # Exactly one file, in its own field; a file sent as text is no file.
        if self.is_file != (self.name == FILE_FIELD):
            raise FormError("error.one_file")
        if self.is_file:
            if self.form.file_name is not None:
                raise FormError("error.one_file")
            self.form.file_name = options[b"filename"].decode("utf-8", "replace")
        elif self.name in self.form.fields:
            raise FormError("error.form")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        block = data[start:end]
        if self.is_file:
            self.digest.update(block)
            self.form.file.write(block)
            self.form.size += len(block)
        else:
            self.content += block
            if len(self.content) > self.limits.field:
                raise FormError("error.form")

    def _part_end(self) -> None:
        if not self.is_file:
            self.form.fields[self.name] = self.content.decode("utf-8", "replace")

    def _end(self) -> None:
        self.ended = True
