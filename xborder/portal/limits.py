"""What one request may cost (请求限额)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on a request; sizes in bytes, times in seconds.

    ``body``: the whole request body. ``header``: request line and headers together.
    ``field``: the value of one form field; ``fields``: how many parts a form has, the file
    included. ``header_seconds`` and ``body_seconds`` are absolute: they run from a request's
    first byte and do not start again when another byte arrives. ``connections``: open at once.
    """

    body: int = 200 * 1024 * 1024
    header: int = 16 * 1024
    field: int = 1024
    fields: int = 8
    header_seconds: float = 10
    body_seconds: float = 300
    connections: int = 200

    @property
    def wire(self) -> int:
        """Bytes on the wire for one request: chunk extensions and what follows a refusal count."""
        return 2 * self.body + self.header + 64 * 1024
