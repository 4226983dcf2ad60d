"""Laws of reading files: a read that never ends is left behind, and is the only one."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.config import source
from exporter.errors import ConfigError
from exporter.files import Limit, NotRegular, claim, read_regular

AMPLE = 20.0


class Disk:
    """A disk that does not answer until it is back."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.ended = threading.Event()
        self.reads = 0

    def read(self) -> bytes:
        self.reads += 1
        assert self.back.wait(AMPLE)
        self.ended.set()
        return b"content"


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.back.set()


def test_a_read_has_its_result_or_its_error() -> None:
    limit = Limit()
    assert limit(lambda: 7) == 7

    def fails() -> None:
        raise PermissionError(errno.EACCES, "denied")

    with pytest.raises(PermissionError, match="denied"):
        limit(fails)
    assert limit(lambda: None) is None


def test_a_read_that_never_ends_is_left_and_no_other_begins_until_it_has_ended(disk: Disk) -> None:
    limit = Limit(0.05)
    with pytest.raises(TimeoutError, match=r"no answer from its disk within 0\.05 s"):
        limit(disk.read)
    for _ in range(3):
        with pytest.raises(TimeoutError, match="an earlier read has not ended yet"):
            limit(disk.read)
    assert disk.reads == 1
    [left] = [thread for thread in threading.enumerate() if thread.name == "files"]
    assert left.daemon
    disk.back.set()
    left.join(AMPLE)
    assert limit(disk.read) == b"content"


def test_reads_that_end_follow_each_other_without_a_pause() -> None:
    limit = Limit()
    assert [limit(lambda: 7) for _ in range(300)] == [7] * 300


def test_one_disk_that_hangs_delays_no_reader_of_another(disk: Disk) -> None:
    with pytest.raises(TimeoutError):
        Limit(0.05)(disk.read)
    assert Limit()(lambda: 7) == 7


def test_a_configuration_on_a_disk_that_hangs_is_refused_with_a_reason(disk: Disk, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("bots: []")
    limit = Limit(0.05)
    with pytest.raises(TimeoutError):
        limit(disk.read)
    with pytest.raises(ConfigError) as caught:
        source.content(file, limit)
    assert str(caught.value) == (
        f"{file}:1:1: cannot be read: an earlier read has not ended yet (check the disk that holds it)"
    )
    disk.back.set()
    assert disk.ended.wait(AMPLE)


def test_only_regular_files_are_read_and_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(NotRegular):
            read_regular(path, 1)
    (tmp_path / "file").write_bytes(b"content")
    assert read_regular(tmp_path / "file", 3)[0] == b"con"


def test_a_file_is_claimed_once_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with path.open("rb") as first, path.open("rb") as second:
        claim(first)
        with pytest.raises(
            BlockingIOError, match=r"another process is writing it \(wait until it has ended\)"
        ):
            claim(second)
    with path.open("rb") as third:
        claim(third)


def test_a_disk_without_locks_keeps_no_file_from_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("exporter.files.fcntl.flock", refuse)
    with (tmp_path / "file").open("wb") as file:
        claim(file)
