"""Loads the certificates of trusted authorities, again when they change."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from exporter.errors import Unreachable
from exporter.files import Limit, read_regular


class Authorities:
    """The TLS context for a bot's connections; it always verifies.

    The certificates are those of `ca_file`, a file or a directory; else of REQUESTS_CA_BUNDLE or
    CURL_CA_BUNDLE; else of SSL_CERT_FILE and SSL_CERT_DIR together; else of `default`. Missing paths in
    SSL_CERT_FILE and SSL_CERT_DIR are skipped, as OpenSSL does. An intermediate certificate among them is
    trusted without its root. `prepare` is called with each new context.
    `files` limits the time of reading.
    """

    def __init__(
        self,
        ca_file: Path | None,
        default: str,
        environ: Mapping[str, str],
        prepare: Callable[[ssl.SSLContext], None],
        files: Limit | None = None,
    ) -> None:
        self._trusted = partial(_trusted, ca_file, default, environ)
        self._prepare = prepare
        self._files = files or Limit()
        self._lock = threading.Lock()
        self._seen: object = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return a context with the current certificates.

        Raises Unreachable if they cannot be read.
        """
        with self._lock:
            try:
                self._context, self._seen = self._files(self._current)
            except TimeoutError as exc:
                advice = "check the disk of ca_file, or of the variables for certificates"
                raise Unreachable(f"cannot read certificates: {exc.strerror}", advice=advice) from exc
            return self._context

    def _current(self) -> tuple[ssl.SSLContext, object]:
        setting, paths = self._trusted()
        seen = [(path, _signature(path)) for path in paths]
        if self._context is None or seen != self._seen:
            return self._load(paths, setting), seen
        return self._context, seen

    def _load(self, paths: list[Path], setting: str) -> ssl.SSLContext:
        try:
            first, *others = [_file_or_folder(path) for path in paths]
            context = ssl.create_default_context(cafile=first[0], capath=first[1])
            for file, folder in others:
                context.load_verify_locations(file, folder)
        except OSError as exc:
            named = ", ".join(map(str, paths))
            why = (
                "no certificate in PEM"
                if isinstance(exc, ssl.SSLError)
                else (exc.strerror or str(exc)).lower()
            )
            advice = f"set {setting} to a file with certificates in PEM"
            raise Unreachable(f"cannot read certificates from {named}: {why}", advice=advice) from exc
        # By default, Python 3.13 sets both flags and 3.11 none; see docs/decisions/029.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._prepare(context)
        return context


def _file_or_folder(path: Path) -> tuple[Path | None, Path | None]:
    if path.is_dir():
        return None, path
    read_regular(path, 1)  # OpenSSL would wait for a pipe's writer
    return path, None


def _trusted(ca_file: Path | None, default: str, environ: Mapping[str, str]) -> tuple[str, list[Path]]:
    """Return the files and folders of certificates, and the setting that names them."""
    if ca_file:
        return "ca_file", [ca_file]
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if bundle := environ.get(variable):
            return variable, [Path(bundle)]
    file, folders = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR", "")
    named = [Path(path) for path in (file, *folders.split(os.pathsep)) if path]
    found = [path for path in named if path.exists()] or named
    return ("SSL_CERT_FILE or SSL_CERT_DIR", found) if found else ("ca_file", [Path(default)])


def _signature(path: Path) -> object:
    """Return a value that changes with the certificates at `path`; None if there are none."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [(file, (info := file.stat()).st_mtime_ns, info.st_size, info.st_ino) for file in files]
    except OSError:
        return None
