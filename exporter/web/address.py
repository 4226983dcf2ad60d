"""Reads an address to listen on, in Prometheus's form."""

from __future__ import annotations

from exporter.errors import WrongUsage


class AddressError(WrongUsage):
    """The address is malformed."""


def parse_address(text: str) -> tuple[str, int]:
    """Return the host, without brackets, and the port; raises AddressError."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdecimal() and int(port) < 1 << 16
    if not (colon and is_port) or host != (f"[{bare}]" if ":" in bare else bare):
        raise AddressError(
            f"{text!r} is not an address to listen on "
            "(write :10054 for every interface, 127.0.0.1:10054 or [::1]:10054 for one)"
        )
    return bare, int(port)
