"""`healthcheck`: checks the health of a running daemon, for a container's HEALTHCHECK."""

from __future__ import annotations

import http.client
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from exporter.cli.flags import flag
from exporter.cli.output import reason
from exporter.web.address import parse_address

if TYPE_CHECKING:
    from exporter.config.web_config import TlsConfig

PATIENCE: Final = 5.0
"""Seconds that the daemon has to answer."""


@click.command()
@flag(
    "web.listen-address",
    "listen_addresses",
    multiple=True,
    default=[":10054"],
    help="The daemon's address; only the first is checked.",
)
@flag(
    "web.config.file",
    type=click.Path(path_type=Path),
    help="The daemon's web configuration, which says whether it serves TLS.",
)
def healthcheck(listen_addresses: tuple[str, ...], web_config_file: Path | None) -> int:
    """Check the health of a running daemon.

    Exits with 0 if /-/healthy answers with status 200, else with 1.
    """
    host, port = parse_address(listen_addresses[0])
    local = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound to it
    tls = None
    if web_config_file:
        from exporter.config import web_config

        tls = web_config.load(web_config_file).tls
    connection = _connection(local.get(host, host), port, tls)
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        text = answer.read(1000).decode(errors="replace").strip()
    except (OSError, UnicodeError, http.client.HTTPException) as error:  # UnicodeError: no host's name
        why = reason(error) if isinstance(error, OSError) else repr(error)
        click.echo(f"{listen_addresses[0]}: no answer: {why} ({_advice(tls)})", err=True)
        return 1
    finally:
        connection.close()
    click.echo(text)
    return 0 if answer.status == 200 else 1


def _advice(tls: TlsConfig | None) -> str:
    if tls is None:
        return "does the daemon listen there? if it serves TLS, name its --web.config.file"
    if tls.client_ca_file:
        return "this check sends the daemon's own certificate: has client_ca_file signed it?"
    return "does the daemon listen there, and use this --web.config.file?"


def _connection(host: str, port: int, tls: TlsConfig | None) -> http.client.HTTPConnection:
    if tls is None:
        return http.client.HTTPConnection(host, port, timeout=PATIENCE)
    # The daemon is on this machine, at an address that no certificate names.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls.client_ca_file is not None:
        with suppress(OSError):  # the daemon itself reports a certificate that cannot be loaded
            # Without a password, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(tls.cert_file, tls.key_file, lambda: "")
    return http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)
