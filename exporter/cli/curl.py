"""Writes a request as a command line for a shell."""

from __future__ import annotations

from shlex import quote

from exporter.model import Bot, Collection
from exporter.nativechat.endpoints import COUNT


def command_line(bot: Bot, collection: Collection, predicate_text: str) -> str:
    """Return a line for a POSIX shell that counts with curl, and never shows the token.

    The line holds no token, but reads it where the configuration does. `printf` is part of the shell, and
    curl reads the header from standard input, so `ps` does not show it either.
    """
    source = bot.token
    token = f'"${source.env}"' if source.env else f'"$(cat {quote(str(source.file))})"'
    words = ["curl", "--get", "--silent", "--show-error", "--header", "@-"]
    words += ["--header", "Content-Type: application/json"]
    if bot.api.ca_file:
        words += ["--cacert", str(bot.api.ca_file)]
    if predicate_text:
        words += ["--data-urlencode", f"query={predicate_text}"]
    words.append(COUNT.url(bot, collection))
    header = f"printf 'Authorization: Bot-Server-Access-Token %s\\n' {token}"
    return f"{header} | {' '.join(map(quote, words))}"
