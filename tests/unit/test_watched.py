"""When a command may leave its rollouts: as soon as all that is under way serves."""

from __future__ import annotations

import pytest

from playground_ops.cli.watched import Watched, in_a_thread
from playground_ops.core.model import Phase
from playground_ops.targets.kubernetes.outside import ops_pod


def test_all_serve_once_the_last_one_does() -> None:
    watched = Watched()
    watched.at("a", Phase.RESOLVE)
    watched.at("b", Phase.START)
    watched.serves("a")
    watched.at("a", Phase.RETIRE)
    watched.was_told()
    assert not watched.told.done()
    watched.at("b", Phase.VERIFY)
    watched.serves("b")
    assert watched.all_serve
    assert not watched.told.done()
    watched.was_told()
    assert watched.told.done()
    assert watched.serving == {"a", "b"}


def test_what_fails_in_the_thread_is_raised_by_its_result() -> None:
    def fails() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        in_a_thread(fails).result(30)


@pytest.mark.parametrize(
    ("command", "runs_there"),
    [
        (["redeploy", "a", "--ref", "main"], True),
        (["redeploy", "a", "b"], True),
        (["redeploy"], False),
        (["redeploy", "--force"], False),
        (["redeploy", "a", "ops"], False),
        (["promote", "a", "b"], True),
        (["rollback", "ops"], False),
        (["deploy"], False),
        ([], False),
    ],
)
def test_the_pod_of_ops_runs_what_does_not_replace_it(command: list[str], runs_there: bool) -> None:
    assert ops_pod.fits(command) is runs_there
