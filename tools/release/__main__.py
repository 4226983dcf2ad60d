"""Checks that a release could be made of this checkout, and builds what it would consist of in dist/.

python -m tools.release [--tag v1.2.3]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from exporter import __version__
from tools.release import changelog, contents

ROOT: Final = Path(__file__).parents[2]
DIST: Final = ROOT / "dist"
BUILD: Final = ROOT / "build/release"


class Refused(Exception):
    """What stands between this checkout and a release."""


def call(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run a command; return what it prints, raise Refused where it fails."""
    environ = {**os.environ, **(env or {})}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Refused(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(checkout: Path, folder: Path, *targets: str) -> list[Path]:
    """Build the package of a checkout; return the files made."""
    wanted = [word for target in targets for word in ("-t", target)]
    call(sys.executable, "-m", "hatchling", "build", *wanted, "-d", folder, cwd=checkout)
    return sorted(folder.iterdir())


def told(tag: str | None) -> str:
    """Return what this version changed; raise Refused where the changelog is wrong."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if found := changelog.problems(text, __version__, tag):
        raise Refused("\n".join(f"CHANGELOG.md: {problem}" for problem in found))
    sections = changelog.sections(text)
    return sections.get(__version__) or sections["Unreleased"]


def compared(sdist: Path, wheel: Path) -> None:
    """Print what the archives hold; raise Refused where that is not what is promised."""
    tracked = call("git", "ls-files").splitlines()
    found = contents.in_wheel(wheel)
    differences = [
        *contents.differences("the wheel", found, contents.promised_in_wheel(ROOT, __version__)),
        *contents.differences("the sdist", contents.in_sdist(sdist), contents.promised_in_sdist(tracked)),
    ]
    if differences:
        raise Refused("\n".join(differences))
    print(f"{wheel.name} holds", *sorted(found), sep="\n  ")
    print(f"{sdist.name} holds the {len(tracked)} files under version control, and PKG-INFO")


def built_again(sdist: Path, wheel: Path) -> None:
    """Raise Refused unless the source archive makes the same wheel, byte for byte."""
    shutil.unpack_archive(sdist, BUILD / "source", filter="data")
    [source] = (BUILD / "source").iterdir()
    [again] = build(source, BUILD / "again", "wheel")
    if again.read_bytes() != wheel.read_bytes():
        raise Refused(f"{sdist.name} makes another wheel than this checkout does")
    print("the source archive makes the same wheel, byte for byte")


def installed(wheel: Path) -> None:
    """Install the wheel into a clean environment, and hold it to the laws in tests/packaging."""
    call(sys.executable, "-m", "venv", BUILD / "venv")
    python = BUILD / "venv/bin/python"
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    call(*pip, "--require-hashes", "-r", "constraints/runtime.txt")
    call(*pip, "--no-deps", "--no-index", wheel)
    call(python, "-m", "pip", "check")
    laws = (sys.executable, "-m", "pytest", "-q", "tests/packaging/test_installed.py")
    print("in a clean environment:", call(*laws, env={"WHEEL_PYTHON": str(python)}).splitlines()[-1])


def check(tag: str | None) -> None:
    """Make everything a release consists of; raise Refused where one must not be made."""
    changes = told(tag)
    for folder in (DIST, BUILD):
        shutil.rmtree(folder, ignore_errors=True)
    sdist, wheel = sorted(build(ROOT, DIST, "sdist", "wheel"), key=lambda file: file.suffix)
    compared(sdist, wheel)
    built_again(sdist, wheel)
    installed(wheel)
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in (sdist, wheel)]
    (DIST / "SHA256SUMS").write_text("\n".join([*sums, ""]), "utf-8")
    (BUILD / "changes.md").write_text(f"{changes}\n", "utf-8")
    print(*sums, sep="\n")
    print(f"{__version__} could be released" + ("" if tag else " once its changes stand under their version"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.release")
    parser.add_argument("--tag", help="what is released now, as v1.2.3")
    try:
        check(parser.parse_args().tag or None)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(1)
