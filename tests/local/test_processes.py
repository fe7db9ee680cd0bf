"""The files of supervised processes: whatever is found in them, nothing fails on it."""

from __future__ import annotations

import errno
import json
import os
import selectors
import subprocess
import threading
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground_ops.targets.local import processes
from playground_ops.targets.local.children import Children
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import (
    ProcessState,
    birth_of,
    folder_of,
    is_alive,
    names,
    read_spec,
    read_state,
    write_spec,
    write_state,
)
from tests.asking import eventually
from tests.local.supervised import SLEEP, spec

STATE = ProcessState(name="x", serial=1, running=False, restart="never")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NOT_STARTED = {**asdict(spec(restart="never", env={"A": "1"})), "cwd": "/"}


def changed(document: dict[str, object]) -> st.SearchStrategy[bytes]:
    """Return the document with one of its entries replaced by anything, or missing; or no document at all."""
    keys = st.sampled_from(sorted(document))
    replaced = st.builds(lambda key, value: {**document, key: value}, keys, JSON)
    without = keys.map(lambda gone: {key: value for key, value in document.items() if key != gone})
    return st.one_of((replaced | without | JSON).map(lambda found: json.dumps(found).encode()), st.binary())


def test_specs_and_states_hold_what_was_written_and_are_for_the_owner_alone(tmp_path: Path) -> None:
    wanted = spec(env={"A": "1"}, restart="never", grace_seconds=1.5)
    write_spec(tmp_path, wanted)
    write_state(tmp_path, STATE)
    assert read_spec(tmp_path, "x") == wanted
    assert read_state(tmp_path, "x") == STATE
    assert list(names(tmp_path)) == ["x"]
    assert (folder_of(tmp_path) / "x.json").stat().st_mode & 0o077 == 0


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(of_spec=changed(NOT_STARTED), of_state=changed(asdict(STATE)))
def test_whatever_the_files_hold_a_supervisor_starts(tmp_path: Path, of_spec: bytes, of_state: bytes) -> None:
    # given
    folder_of(tmp_path).mkdir(exist_ok=True)
    (folder_of(tmp_path) / "x.json").write_bytes(of_spec)
    (folder_of(tmp_path) / "x.state.json").write_bytes(of_state)
    with selectors.DefaultSelector() as selector:
        children = Children(tmp_path, selector)
        # when
        children.take_over()
        # then: what it can't vouch for is not run, and waits for nothing that never comes
        assert not children.any_running()
        assert all(moment < 1e12 for moment in children.moments())
    found = read_spec(tmp_path, "x")
    assert found is None or (found.name == "x" and found.argv)


@pytest.mark.parametrize("wanted", ["that it is forgotten", "another"])
def test_who_saw_its_end_before_the_supervisor_did_is_not_told_that_it_runs(
    tmp_path: Path, wanted: str
) -> None:
    short = spec(argv=("/bin/true",), restart="never")

    def has_ended() -> bool:
        found = read_state(tmp_path, "x")
        return found is not None and not found.running

    with selectors.DefaultSelector() as selector:
        children = Children(tmp_path, selector)
        children.start(short)
        eventually("its end", has_ended)
        heard = selector.select(0)
        if wanted == "another":
            children.start(spec(restart="never"))
        else:
            children.forget("x")
        for key, _ in heard:  # the loop is notified later
            key.data(key.fileobj)
        if wanted == "another":
            assert children.is_running("x")
            children.stop("x", 0)
            eventually("it to end too", lambda: [children.tick(), has_ended()][1])
        else:
            assert list(folder_of(tmp_path).iterdir()) == []


@pytest.mark.parametrize("file", ["x.json", "x.state.json"])
def test_a_folder_where_a_file_should_be_is_set_aside(tmp_path: Path, file: str) -> None:
    (folder_of(tmp_path) / file).mkdir(parents=True)
    assert read_spec(tmp_path, "x") is None
    assert read_state(tmp_path, "x") is None
    assert (folder_of(tmp_path) / f"{file}.corrupt").is_dir()


def test_a_file_where_the_folder_should_be_is_nothing(tmp_path: Path) -> None:
    folder_of(tmp_path).write_text("")
    assert read_spec(tmp_path, "x") is None
    assert list(names(tmp_path)) == []


def test_a_full_disk_leaves_the_old_content_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_state(tmp_path, STATE)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_state(tmp_path, ProcessState(**{**asdict(STATE), "serial": 2}))
    assert read_state(tmp_path, "x") == STATE
    assert [path.name for path in folder_of(tmp_path).iterdir()] == ["x.state.json"]


@pytest.mark.parametrize("birth", [birth_of, processes._birth_elsewhere])
def test_a_process_has_one_birth_until_it_ends(birth: type[birth_of]) -> None:
    process = subprocess.Popen(SLEEP)
    try:
        born = birth(process.pid)
        assert born is not None
        assert birth(process.pid) == born != birth(os.getpid())
    finally:
        process.kill()
    eventually("its end, though nobody has waited for it", lambda: birth(process.pid) is None)
    process.wait()
    assert birth(process.pid) is None


@pytest.mark.parametrize("pid", [None, -1, 0, 2**31 - 1])
def test_no_process_is_not_alive(pid: int | None) -> None:
    for birth in (None, "x"):
        assert not is_alive(ProcessState(**{**asdict(STATE), "pid": pid, "birth": birth}))


class TestRuntimeFolder:
    def test_it_is_short_however_deep_the_state_folder_lies(self, tmp_path: Path) -> None:
        deep = tmp_path / ("x" * 100) / ("y" * 100)
        link = runtime_folder(deep)
        try:
            assert len(str(link)) < 40
            assert link.resolve() == (deep / "run").resolve()
            assert runtime_folder(deep) == link
        finally:
            link.unlink()

    def test_it_is_made_again_when_it_was_cleaned_away(self, tmp_path: Path) -> None:
        link = runtime_folder(tmp_path)
        link.unlink()
        assert runtime_folder(tmp_path).resolve() == (tmp_path / "run").resolve()
        link.unlink()

    def test_what_is_in_the_way_is_told_and_kept(self, tmp_path: Path) -> None:
        link = runtime_folder(tmp_path)
        link.unlink()
        link.symlink_to("/nowhere")
        try:
            with pytest.raises(PermissionError, match="in the way"):
                runtime_folder(tmp_path)
            assert str(link.readlink()) == "/nowhere"
        finally:
            link.unlink()

    def test_all_who_make_it_at_once_get_it(self, tmp_path: Path) -> None:
        for number in range(20):
            found: list[Path] = []
            state = tmp_path / str(number)
            threads = [
                threading.Thread(target=lambda state=state, found=found: found.append(runtime_folder(state)))
                for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(found) == 8
            found[0].unlink()
