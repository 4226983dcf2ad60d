"""`healthcheck`: asks a running daemon whether it is healthy, for a container's HEALTHCHECK."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from typing import Final

import click

from exporter.cli.flags import flag
from exporter.cli.output import reason

PATIENCE: Final = 5.0
"""Seconds the daemon has to answer."""


@click.command()
@flag(
    "web.listen-address",
    "listen_addresses",
    multiple=True,
    default=[":10054"],
    help="Where the daemon listens; the first is asked.",
)
@flag(
    "web.config.file",
    "web_config_file",
    type=click.Path(path_type=Path),
    help="The daemon's web configuration, which says whether it serves TLS.",
)
def healthcheck(listen_addresses: tuple[str, ...], web_config_file: Path | None) -> int:
    """Ask a running daemon whether it is healthy.

    Exits with 0 if its /-/healthy says so, else with 1.
    """
    host, _, port = listen_addresses[0].rpartition(":")
    if not port.isdecimal():
        raise click.UsageError(f"{listen_addresses[0]!r} is no address (write :10054 or 127.0.0.1:10054)")
    own = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104 - where it listens, not we
    address = own.get(host, host.strip("[]"))
    connection = _connection(address, int(port), web_config_file)
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        text = answer.read(1000).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        why = reason(error) if isinstance(error, OSError) else f"not HTTP: {error!r}"
        advice = "is it running, and does it listen there?"
        click.echo(f"{listen_addresses[0]}: no answer: {why} ({advice})", err=True)
        return 1
    finally:
        connection.close()
    click.echo(text)
    return 0 if answer.status == 200 else 1


def _connection(host: str, port: int, web_config_file: Path | None) -> http.client.HTTPConnection:
    if web_config_file is None:
        return http.client.HTTPConnection(host, port, timeout=PATIENCE)
    from exporter.config import web_config

    if web_config.load(web_config_file).tls is None:
        return http.client.HTTPConnection(host, port, timeout=PATIENCE)
    # Our own process on our own machine, by an address that no certificate names.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)
