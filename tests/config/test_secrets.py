from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.secrets import CHECK_INTERVAL, MAX_BYTES, SecretError, TokenReader
from exporter.files import Limit
from exporter.model import Secret, TokenSource
from tests.clock import FakeClock

T = TypeVar("T")

TOKEN = TokenSource(env="TOKEN")


def test_a_variable_is_read_without_the_white_space_around_it() -> None:
    assert TokenReader(TOKEN, {"TOKEN": " hunter2\n"})() == Secret("hunter2")


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "is not set"),
        ({"TOKEN": ""}, "is empty"),
        ({"TOKEN": " \n"}, "is empty"),
        ({"TOKEN": "hunter2 hunter2"}, "has white space inside"),
        ({"TOKEN": "hunter2\r\nX-Evil: 1"}, "has white space inside"),
        ({"TOKEN": "hunter2\x00"}, "no HTTP header can carry"),
        ({"TOKEN": "hunter2€"}, "no HTTP header can carry"),
        ({"TOKEN": "hunté"}, "no HTTP header can carry"),
        ({"TOKEN": "\ufeffhunter2"}, "no HTTP header can carry"),
        ({"TOKEN": '"hunter2"'}, "has quotes around it"),
        ({"TOKEN": "'hunter2'"}, "has quotes around it"),
        ({"TOKEN": "“hunter2”"}, "has quotes around it"),
        ({"TOKEN": '"hunter2'}, "has quotes around it"),
        ({"TOKEN": "${hunter2}"}, "is a variable that nothing has replaced"),
        ({"TOKEN": "{{ hunter2 }}"}, "is a variable that nothing has replaced"),
    ],
)
def test_a_secret_that_cannot_be_sent_is_an_error_without_it(environ: dict[str, str], why: str) -> None:
    with pytest.raises(SecretError, match=why) as caught:
        TokenReader(TOKEN, environ)()
    assert str(caught.value).startswith("environment variable TOKEN ")
    assert "hunt" not in f"{caught.value}{caught.value.advice}"


@given(st.text())
def test_a_secret_that_is_read_fits_one_header_line(text: str) -> None:
    try:
        secret = TokenReader(TOKEN, {"TOKEN": text})().reveal()
    except SecretError:
        return
    assert secret == text.strip()
    assert secret.encode("ascii").decode("ascii").split() == [secret]


def test_a_changed_variable_is_read_at_once() -> None:
    environ = {"TOKEN": "old"}
    reader = TokenReader(TOKEN, environ)
    assert reader.refresh()
    assert not reader.refresh()
    environ["TOKEN"] = "new"
    assert reader() == Secret("new")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old\n")
    clock = FakeClock()
    reader = TokenReader(TokenSource(file=path), {}, clock)
    assert reader() == Secret("old")
    path.write_text("newer\n")
    clock.now += CHECK_INTERVAL
    assert reader() == Secret("newer")


def test_a_file_is_checked_once_in_an_interval(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    reads = []

    class Counted(Limit):
        def __call__(self, function: Callable[[], T]) -> T:
            reads.append(function)
            return super().__call__(function)

    clock = FakeClock()
    reader = TokenReader(TokenSource(file=path), {}, clock, Counted())
    for _ in range(10):
        reader()
    assert len(reads) == 1
    clock.now += CHECK_INTERVAL
    reader()
    assert len(reads) == 2


def test_a_disk_that_does_not_answer_keeps_the_last_good_secret(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("good")
    hangs = [True]

    class Disk(Limit):
        def __call__(self, function: Callable[[], T]) -> T:
            if hangs[0]:
                raise TimeoutError(errno.ETIMEDOUT, "no answer from its disk within 5 s")
            return super().__call__(function)

    clock = FakeClock()
    reader = TokenReader(TokenSource(file=path), {}, clock, Disk())
    with pytest.raises(SecretError, match="token cannot be read: no answer from its disk within 5 s"):
        reader()
    hangs[0] = False
    assert reader() == Secret("good")
    hangs[0] = True
    clock.now += CHECK_INTERVAL
    assert reader() == Secret("good")
    assert not reader.refresh()


def test_a_file_that_seems_unchanged_is_read_only_by_a_refresh(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    clock = FakeClock()
    reader = TokenReader(TokenSource(file=path), {}, clock)
    assert reader() == Secret("old")
    before = path.stat()
    path.write_text("new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.now += CHECK_INTERVAL
    assert reader() == Secret("old")
    assert reader.refresh()
    assert reader() == Secret("new")
    assert not reader.refresh()


def test_a_file_replaced_through_a_link_is_read_again(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(version)
        os.utime(tmp_path / version / "token", ns=(0, 0))
    link = tmp_path / "data"
    link.symlink_to("one")
    clock = FakeClock()
    reader = TokenReader(TokenSource(file=link / "token"), {}, clock)
    assert reader() == Secret("one")
    (tmp_path / "swap").symlink_to("two")
    (tmp_path / "swap").replace(link)
    clock.now += CHECK_INTERVAL
    assert reader() == Secret("two")


def test_the_last_good_secret_is_kept_if_its_file_is_wrong_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("good")
    clock = FakeClock()
    reader = TokenReader(TokenSource(file=path), {}, clock)
    reader()
    path.write_text("")
    clock.now += CHECK_INTERVAL
    assert reader() == Secret("good")
    path.unlink()
    clock.now += CHECK_INTERVAL
    assert reader() == Secret("good")
    assert not reader.refresh()
    assert "no such file or directory; name a file that exists" in reader.fault
    path.write_text("better")
    clock.now += CHECK_INTERVAL
    assert reader() == Secret("better")
    assert not reader.fault


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "no HTTP header can carry"),
        (b"x" * (MAX_BYTES + 1), "is larger than 16 KiB"),
    ],
)
def test_a_file_without_a_secret_is_an_error(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(SecretError, match=why) as caught:
        TokenReader(TokenSource(file=path), {})()
    assert str(caught.value).startswith(f"file {path} ")


def test_a_missing_file_and_what_is_not_a_regular_file_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path / "none", "cannot be read: no such file or directory"),
        (tmp_path, "is not a regular file"),
        (tmp_path / "pipe", "is not a regular file"),
    ):
        with pytest.raises(SecretError, match=why):
            TokenReader(TokenSource(file=path), {})()


def test_many_threads_read_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("same")
    reader = TokenReader(TokenSource(file=path), {})
    with ThreadPoolExecutor(8) as pool:
        read = pool.map(lambda number: reader.refresh() if number % 2 else reader(), range(200))
    assert set(read) <= {Secret("same"), True, False}
    assert reader() == Secret("same")
