"""What a crash, a full disk or a flipped bit leaves behind."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.search.exact import CorruptSegmentError, ExactIndex, literal_query
from stack.search.exact import build as build_module
from stack.search.exact.format import HEADER_BYTES, Header
from stack.search.exact.manifest import MANIFEST
from tests.search.exact.test_index import BLOB, TEXTS, filled, found, name

_BEFORE = {name(number) for number in range(len(TEXTS))}
_AFTER = _BEFORE - {name(0)} | {name(100)}


def _change(index: ExactIndex) -> None:
    with index.writer() as writer:
        writer.add(name(100), 1, BLOB, "new text")
        writer.remove([name(0)])
        writer.commit()


def _failing(real: Callable[..., object], calls: list[int], at: int) -> Callable[..., object]:
    def call(*args: object, **kwargs: object) -> object:
        calls[0] += 1
        if calls[0] == at:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    return call


def _fail_without_a_folder(index: ExactIndex, folder: Path) -> None:
    with index.writer():
        shutil.rmtree(folder)
        raise ValueError("the engine is away")


@pytest.mark.parametrize("at", range(1, 12))
def test_a_disk_that_fails_at_any_step_leaves_the_old_state_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Never anything between, and the next writer carries on."""
    index = filled(tmp_path, TEXTS)
    calls = [0]
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _failing(os.fsync, calls, at))
        patched.setattr(Path, "replace", _failing(Path.replace, calls, at))
        patched.setattr(Path, "open", _failing(Path.open, calls, at))
        failed = False
        try:
            _change(index)
        except OSError:
            failed = True
    assert failed == (calls[0] >= at)
    again = ExactIndex(tmp_path)
    assert set(again.file_ids()) in ((_BEFORE, _AFTER) if failed else (_AFTER,))
    assert again.damaged == ()
    _change(again)
    assert set(again.file_ids()) == _AFTER


def test_what_a_commit_names_is_on_the_disk_before_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segment, marks of the dead and manifest before the manifest's new name, the folder after it."""
    index = filled(tmp_path, TEXTS)
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        steps.append("sync " + Path(f"/proc/self/fd/{descriptor}").readlink().name.partition("-")[0])
        real_fsync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        steps.append("rename " + target.name.partition("-")[0])
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    _change(index)
    folder = f"sync {tmp_path.name.partition('-')[0]}"
    assert steps == [
        "sync 00000002",  # the new segment
        "sync 00000001",  # the marks of the dead in the old one
        "rename 00000001",
        folder,
        f"sync {MANIFEST}.tmp",
        f"rename {MANIFEST}",
        folder,
    ]


def _write_and_die(folder: str) -> None:
    build_module.MAX_DOCUMENTS = 1
    with ExactIndex(Path(folder)).writer() as writer:
        writer.add(name(100), 1, BLOB, "new text")
        writer.add(name(101), 1, BLOB, "half written")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_writer_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    """Its lock is free, its files are swept away, the committed state stands."""
    filled(tmp_path, TEXTS)
    files = {path.name for path in tmp_path.iterdir()}
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(str(tmp_path),))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert {path.name for path in tmp_path.iterdir()} > files
    index = ExactIndex(tmp_path)
    assert set(index.file_ids()) == _BEFORE
    assert {path.name for path in tmp_path.iterdir()} == files
    _change(index)
    assert set(index.file_ids()) == _AFTER


def _read_while_written(folder: str, rounds: int, results: multiprocessing.Queue[object]) -> None:
    index = ExactIndex(Path(folder))
    query = literal_query("constant")
    try:
        seen = [len({each.file_id for each in index.candidates(query, None)}) for _ in range(rounds)]
        results.put(set(seen))
    except Exception as error:  # noqa: BLE001 - the test shows it
        results.put(repr(error))


def test_a_reader_in_another_process_always_sees_one_state(tmp_path: Path) -> None:
    """While files are replaced, merged and removed, it finds each document exactly once."""
    index = ExactIndex(tmp_path, max_segments=2)
    with index.writer() as writer:
        for number in range(50):
            writer.add(name(number), 1, BLOB, f"constant {number}")
        writer.commit()
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[object] = context.Queue()
    reader = context.Process(target=_read_while_written, args=(str(tmp_path), 1500, results))
    reader.start()
    turn = 0
    while reader.is_alive() and turn < 5000 and results.empty():
        turn += 1
        with index.writer() as writer:
            for number in range(turn % 7, 50, 7):
                writer.add(name(number), 1, BLOB, f"constant {number} turn {turn}")
            writer.commit()
    assert results.get(timeout=120) == {50}
    reader.join(60)
    assert turn > 3


def _damaged(index: ExactIndex) -> list[str]:
    return [error.name for error in index.damaged]


def _segment(folder: Path) -> Path:
    return next(folder.glob("*.segment"))


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("at", [0, 40, 70, 200, -1, -300])
def test_a_segment_with_a_flipped_bit_counts_as_missing(tmp_path: Path, at: int) -> None:
    """It is named with the reason; its documents are not listed, so whoever compares indexes them again."""
    filled(tmp_path, TEXTS)
    path = _segment(tmp_path)
    _flip(path, at)
    index = ExactIndex(tmp_path)
    index.check()
    if at == 200:  # a byte of the header's padding, which means nothing
        assert index.damaged == ()
        return
    assert _damaged(index) == [path.name]
    assert path.name in str(index.damaged[0])
    assert list(index.file_ids()) == []
    with index.writer() as writer:
        for number, text in enumerate(TEXTS):
            writer.add(name(number), 1, BLOB, text)
        writer.commit()
    assert index.damaged == ()
    assert found(index, '"main"') == {0, 1}
    assert not path.exists()


@pytest.mark.parametrize("size", [0, 10, 255, 256, 1000])
def test_a_segment_that_is_cut_short_counts_as_missing(tmp_path: Path, size: int) -> None:
    """Whatever is left of it."""
    filled(tmp_path, TEXTS)
    os.truncate(_segment(tmp_path), size)
    index = ExactIndex(tmp_path)
    assert len(index.damaged) == 1
    assert len(index) == 0


def test_a_segment_that_is_gone_counts_as_missing(tmp_path: Path) -> None:
    """No endless waiting for a manifest that names another one."""
    filled(tmp_path, TEXTS)
    _segment(tmp_path).unlink()
    assert [error.reason for error in ExactIndex(tmp_path).damaged] == ["the file is not there"]


def test_only_the_damaged_segment_is_missing(tmp_path: Path) -> None:
    """The others answer."""
    index = filled(tmp_path, TEXTS)
    path = _segment(tmp_path)
    with index.writer() as writer:
        writer.add(name(100), 1, BLOB, "main again")
        writer.commit()
    _flip(path, -1)
    assert found(ExactIndex(tmp_path), '"main"') == {100}


def test_damaged_marks_of_the_dead_do_not_bring_them_back(tmp_path: Path) -> None:
    """The whole segment counts as missing."""
    index = filled(tmp_path, TEXTS)
    index.remove([name(0)])
    _flip(next(tmp_path.glob("*.dead-*")), -1)
    again = ExactIndex(tmp_path)
    assert len(again.damaged) == 1
    assert found(again, '"main"') == set()


def _spoil_postings(path: Path) -> None:
    data = bytearray(path.read_bytes())
    postings = Header.unpack(path.name, bytes(data[:HEADER_BYTES])).sections[0]
    data[postings.offset : postings.offset + postings.size] = b"\xff" * postings.size
    path.write_bytes(data)


def test_damaged_postings_are_an_error_once_and_missing_from_then_on(tmp_path: Path) -> None:
    """They are found when they are read, by a search or by a check."""
    filled(tmp_path, TEXTS)
    path = _segment(tmp_path)
    _spoil_postings(path)
    index = ExactIndex(tmp_path)
    assert _damaged(index) == []
    with pytest.raises(CorruptSegmentError, match="damaged"):
        found(index, '"main"')
    assert _damaged(index) == [path.name]
    assert found(index, '"main"') == set()
    assert ExactIndex(tmp_path).check()[0].name == path.name


def test_a_damaged_segment_is_not_merged(tmp_path: Path) -> None:
    """A flipped bit in the postings would otherwise get a fresh checksum."""
    index = filled(tmp_path, TEXTS)
    path = _segment(tmp_path)
    _flip(path, 300)
    with index.writer() as writer:
        writer.add(name(100), 1, BLOB, "main again")
        writer.compact(everything=True)
    assert set(index.file_ids()) == {name(100)}


@pytest.mark.parametrize("content", [b"", b"garbage", b"00000000\n{}"])
def test_a_damaged_manifest_is_an_index_without_a_generation(tmp_path: Path, content: bytes) -> None:
    """So the owner's state about it is void, and everything is indexed again."""
    index = filled(tmp_path, TEXTS)
    index.ensure("first")
    (tmp_path / MANIFEST).write_bytes(content)
    again = ExactIndex(tmp_path)
    assert _damaged(again) == [MANIFEST]
    assert len(again) == 0
    assert again.ensure("second") == "second"
    assert again.damaged == ()
    assert list(tmp_path.glob("*.segment")) == []


def test_a_folder_that_vanished_is_not_what_is_complained_of(tmp_path: Path) -> None:
    """A stack that was ended takes its indexes with it; whatever the writer's user met first is told."""
    folder = tmp_path / "index"
    index = ExactIndex(folder)
    index.ensure("g1")
    with pytest.raises(ValueError, match="the engine is away"):
        _fail_without_a_folder(index, folder)
