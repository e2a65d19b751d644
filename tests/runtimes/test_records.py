"""The records of runs, their files, ports and secrets, and who is abandoned."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stack.components.base import StartError
from stack.runtimes import janitor, reap, secrets, start, starting
from stack.runtimes.files import make_folder, write_private
from stack.runtimes.identity import ProcessId, boot_id, identify
from stack.runtimes.ports import free_ports
from stack.runtimes.registry import ComponentRecord, RunRecord, create, edit, folders, read
from stack.runtimes.watchdog import Watchdog
from stack.settings import load
from tests.runtimes.kit import eventually

GONE = ProcessId(2**22 - 1, 1.0)


def me() -> ProcessId:
    found = identify(os.getpid())
    assert found
    return found


def a_record(**changes: object) -> RunRecord:
    fields = {"run": "r1", "created": dt.datetime.now(dt.UTC), "boot": boot_id(), "owner": me(), "objects": "seaweedfs"}
    return RunRecord.model_validate(fields | changes)


def a_component(process: ProcessId | None) -> dict[str, ComponentRecord]:
    return {"git": ComponentRecord(name="git", host="127.0.0.1", ports={}, process=process)}


def test_ports_are_free_and_different() -> None:
    """Each can be listened on, all at once."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    listeners = [socket.create_server(("127.0.0.1", port)) for port in ports]
    for listener in listeners:
        listener.close()


def test_a_private_file_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    """It replaces what was there, a link included, without writing through it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    target = tmp_path / "file"
    target.symlink_to(elsewhere)
    write_private(target, "secret")
    assert target.read_text() == "secret"
    assert not target.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert elsewhere.read_text() == "untouched"
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "file"}


def test_a_folder_gets_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    """The mode is exact."""
    before = os.umask(0o777)
    try:
        folder = make_folder(tmp_path / "f", 0o711)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o711


def test_secrets_differ_and_survive_a_round_trip(tmp_path: Path) -> None:
    """Two runs share nothing; what is saved is what is loaded; nothing shows in their text."""
    first, second = secrets.generate(), secrets.generate()
    assert not set(secrets.values(first)) & set(secrets.values(second))
    assert len(set(secrets.values(first))) == 9
    secrets.save(first, tmp_path / "secrets")
    assert secrets.load(tmp_path / "secrets") == first
    assert not [value for value in secrets.values(first) if value in repr(first)]


def test_a_run_is_recorded_from_its_first_moment(tmp_path: Path) -> None:
    """Its record names its owner, and holds what is changed later."""
    folder = create(tmp_path, objects="versitygw")
    record = read(folder)
    assert record
    assert (record.run, record.owner, record.phase, record.objects) == (folder.name, me(), "starting", "versitygw")
    with edit(folder) as record:
        record.phase = "running"
    changed = read(folder)
    assert changed
    assert changed.phase == "running"
    assert folders(tmp_path) == [folder]


def test_a_failed_change_changes_nothing(tmp_path: Path) -> None:
    """An exception inside leaves the old record."""
    folder = create(tmp_path, objects="seaweedfs")
    change = edit(folder)
    record = change.__enter__()
    record.detached = True
    assert not change.__exit__(RuntimeError, RuntimeError(), None)
    unchanged = read(folder)
    assert unchanged
    assert not unchanged.detached


def test_changes_do_not_overwrite_each_other(tmp_path: Path) -> None:
    """Each of many simultaneous changes is kept."""
    folder = create(tmp_path, objects="seaweedfs")

    def change(name: str) -> None:
        with edit(folder) as record:
            record.missing[name] = "gone"

    threads = [threading.Thread(target=change, args=(str(number),)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = read(folder)
    assert record
    assert set(record.missing) == {str(number) for number in range(20)}


def test_a_run_that_is_gone_has_no_record(tmp_path: Path) -> None:
    """Neither has one whose record is damaged."""
    assert read(tmp_path / "none") is None
    folder = create(tmp_path, objects="seaweedfs")
    (folder / "run.json").write_text('{"format": 1')
    assert read(folder) is None


@pytest.mark.parametrize(
    ("changes", "abandoned"),
    [
        ({}, False),
        ({"owner": GONE}, True),
        ({"boot": "another"}, True),
        ({"owner": ProcessId(os.getpid(), 1.0)}, True),
        ({"owner": GONE, "detached": True, "phase": "running", "components": a_component(me())}, False),
        ({"owner": GONE, "detached": True, "phase": "running", "components": a_component(GONE)}, True),
        ({"owner": GONE, "detached": True, "phase": "running", "components": a_component(None)}, True),
        ({"owner": GONE, "detached": True, "phase": "starting", "components": a_component(me())}, True),
        ({"boot": "another", "detached": True, "phase": "running", "components": a_component(me())}, True),
    ],
)
def test_who_is_abandoned(changes: dict[str, object], *, abandoned: bool) -> None:
    """Foreground runs live with their owner, detached ones with their components, and none longer than a boot."""
    assert janitor.is_abandoned(a_record(**changes)) is abandoned


def test_a_run_of_the_living_is_not_reaped(tmp_path: Path) -> None:
    """What has an owner stays."""
    folder = create(tmp_path, objects="seaweedfs")
    assert reap(load(state_dir=tmp_path)) == []
    assert folder.exists()


def test_a_run_of_the_dead_is_reaped(tmp_path: Path) -> None:
    """Its processes end, its folder goes, and one line says so."""
    folder = create(tmp_path, objects="seaweedfs")
    with edit(folder) as record:
        record.owner = GONE
    marks = {"ENGINEROOM_RUN": folder.name, "ENGINEROOM_RUN_FOLDER": str(folder)}
    with subprocess.Popen(["sleep", "600"], env=marks) as left:
        (line,) = reap(load(state_dir=tmp_path))
        assert left.wait() < 0
    assert f"run {folder.name}: ended 1 processes" in line
    assert not folder.exists()


def test_processes_without_a_folder_are_reaped(tmp_path: Path) -> None:
    """A process whose run's folder is gone is ended; one of another state folder is not ours."""
    (tmp_path / "runs").mkdir()
    marks = {"ENGINEROOM_RUN": "r9", "ENGINEROOM_RUN_FOLDER": str(tmp_path / "runs" / "r9")}
    other = {"ENGINEROOM_RUN": "r9", "ENGINEROOM_RUN_FOLDER": "/other/runs/r9"}
    with subprocess.Popen(["sleep", "600"], env=marks) as left, subprocess.Popen(["sleep", "600"], env=other) as theirs:
        (line,) = reap(load(state_dir=tmp_path))
        assert left.wait() < 0
        assert theirs.poll() is None
        theirs.kill()
    assert "run r9: ended 1 processes without a folder" in line


def test_a_process_that_sees_its_folder_is_left_alone(tmp_path: Path) -> None:
    """A container or chroot on this machine has its folder under the same path, where we see nothing."""
    runs = tmp_path / "runs"
    runs.mkdir()
    script = 'mount -t tmpfs runs "$0" && mkdir "$0/r9" && echo ready && exec sleep 600'
    words = ["unshare", "--mount", "sh", "-c", script, str(runs)]
    marks = {**os.environ, "ENGINEROOM_RUN": "r9", "ENGINEROOM_RUN_FOLDER": str(runs / "r9")}
    with subprocess.Popen(words, env=marks, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as theirs:
        assert theirs.stdout is not None
        if theirs.stdout.readline() != "ready\n":
            pytest.skip("this machine lets nobody here mount anything")
        try:
            assert not (runs / "r9").exists()
            assert reap(load(state_dir=tmp_path)) == []
            assert theirs.poll() is None
        finally:
            theirs.kill()


def test_a_folder_being_made_is_left_alone_and_an_old_one_is_not(tmp_path: Path) -> None:
    """Between its folder and its record a run must not be taken for a dead one; after a minute it is one."""
    unborn = tmp_path / "runs" / ".r2"
    unborn.mkdir(parents=True)
    assert reap(load(state_dir=tmp_path)) == []
    assert unborn.exists()
    long_ago = time.time() - 3600
    os.utime(unborn, (long_ago, long_ago))
    assert len(reap(load(state_dir=tmp_path))) == 1
    assert not unborn.exists()


def test_a_released_watchdog_does_nothing(tmp_path: Path) -> None:
    """Told that all is well, it leaves the folder."""
    folder = create(tmp_path, objects="seaweedfs")
    Watchdog(folder.name, folder).release()
    assert folder.exists()


def test_a_watchdog_wakes_when_its_owner_dies(tmp_path: Path) -> None:
    """Its owner killed, it removes the run."""
    folder = create(tmp_path, objects="seaweedfs")
    code = (
        "import pathlib, sys, time; from stack.runtimes.watchdog import Watchdog; "
        f"w = Watchdog({folder.name!r}, pathlib.Path({str(folder)!r})); print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        owner.stdout.readline()
        assert folder.exists()
        owner.kill()
    eventually("gone", lambda: not folder.exists())


def test_secrets_of_another_version_are_read(tmp_path: Path) -> None:
    """A run that was begun before a secret existed lacks it, one of a later version has some more; both are shown."""
    made = secrets.generate()
    secrets.save(made, tmp_path / "secrets")
    file = tmp_path / "secrets" / "secrets.json"
    clear = json.loads(file.read_text("utf-8"))
    del clear["git_token"]
    file.write_text(json.dumps({**clear, "of_tomorrow": "x"}), "utf-8")
    found = secrets.load(tmp_path / "secrets")
    assert found.redis == made.redis
    assert found.git_token.get_secret_value() == ""
    # An empty text is in every line of a log: it must not be masked there.
    assert "" not in secrets.values(found)


def refused_start(state: Path) -> StartError:
    with pytest.raises(StartError) as refused:
        start(load(state_dir=state), components=["git"])
    assert "ENGINEROOM_STATE_DIR" in refused.value.fix
    return refused.value


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is an error that says what to change."""
    (tmp_path / "file").write_text("")
    assert "Not a directory" in refused_start(tmp_path / "file" / "state").got


def test_a_state_folder_with_a_long_path_is_refused(state_folder: Path) -> None:
    """Unix sockets could not be made there; nothing is left."""
    state = state_folder / ("x" * 90)
    assert "too long" in refused_start(state).what
    assert folders(state) == []


def test_a_full_disk_is_named(state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With too little room nothing is started, and the room there is gets named."""
    state = state_folder / "full"
    monkeypatch.setattr(starting, "_ROOM", 2**62)
    assert "MB free" in refused_start(state).got
    assert folders(state) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as somebody else")
def test_a_state_folder_that_servers_cannot_reach_is_named(state_folder: Path) -> None:
    """The first folder that keeps the service user out is the one named."""
    closed = state_folder / "closed"
    closed.mkdir(mode=0o700)
    assert refused_start(closed / "state").on == str(closed)
    assert folders(closed / "state") == []
