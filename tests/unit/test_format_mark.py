"""The mark of a format in a cluster: a person's deploy writes it, `down` leaves it, `ops` reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from playground_ops.config import Configuration, read
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.formats import BEFORE_MARKS, OWN, Mark, Step
from playground_ops.render.names import CONFIGURATION, an_object
from playground_ops.targets.kubernetes.api.credentials import Access
from playground_ops.targets.kubernetes.objects import format_mark
from playground_ops.targets.kubernetes.objects.format_mark import Place
from playground_ops.targets.kubernetes.outside import ending
from playground_ops.targets.kubernetes.stack import KubernetesStack
from tests.apiserver import Server, Written
from tests.stacks import ROOT

SPACE = "team"
LATER = Mark(format=OWN.format + 2, works_with=OWN.format + 1, version="0.9.1")


def configuration() -> Configuration:
    return read("kubernetes: {namespace: team}", Path("x.yaml"))


def a_map(name: str, **data: str) -> dict[str, Any]:
    return an_object("v1", "ConfigMap", name, SPACE, {}, data=data)


def of_a_stack(mark: str | None = None) -> Written:
    marks = [] if mark is None else [a_map(format_mark.FORMAT, mark=mark)]
    return Written(a_map(CONFIGURATION), *marks)


def test_a_stack_without_a_mark_is_of_the_first_format_and_a_deploy_marks_it_once() -> None:
    written, said = of_a_stack(), list[str]()
    place = Place(Server(written), configuration())
    assert format_mark.stored(place.connection, SPACE) == BEFORE_MARKS
    (change,) = format_mark.planned(place.connection, place.configuration)
    assert (change.action, change.fields[0].before, change.fields[0].after) == ("update", "1", "2")

    format_mark.migrate(place, said.append)
    format_mark.migrate(place, said.append)

    assert len(said) == 1
    assert format_mark.stored(place.connection, SPACE) == OWN
    assert format_mark.planned(place.connection, place.configuration) == []


def test_where_no_stack_is_there_is_no_format_to_plan_and_the_first_deploy_says_nothing_of_it() -> None:
    place, said = Place(Server(Written()), configuration()), list[str]()
    assert format_mark.stored(place.connection, SPACE) is None
    assert format_mark.planned(place.connection, place.configuration) == []
    format_mark.migrate(place, said.append)
    assert (said, format_mark.stored(place.connection, SPACE)) == ([], OWN)


def test_ops_is_told_that_a_person_has_to_and_changes_nothing() -> None:
    written = of_a_stack()
    inside = Server(written, Access.OPS)
    (change,) = format_mark.planned(inside, configuration())
    assert change.needs_bootstrap
    KubernetesStack(inside, configuration(), ROOT).migrate(print)
    assert {method for method, _ in inside.asked} == {"GET"}


def test_an_older_program_is_refused_by_one_request() -> None:
    server = Server(of_a_stack(json.dumps(LATER.model_dump())))
    with pytest.raises(PlaygroundError) as raised:
        format_mark.must_fit(server, SPACE)
    assert raised.value.finding.object == f"stack/{SPACE}"
    assert "0.9.1" in raised.value.finding.fix
    assert len(server.asked) == 1


def test_a_mark_that_somebody_broke_is_named() -> None:
    with pytest.raises(PlaygroundError) as raised:
        format_mark.must_fit(Server(of_a_stack("2")), SPACE)
    assert raised.value.finding.object == f"configmap/{format_mark.FORMAT} in {SPACE}"


def test_a_step_that_is_killed_is_repeated_by_the_next_deploy_which_alone_writes_the_mark() -> None:
    written, done = of_a_stack(), list[str]()

    def do(place: Place) -> None:
        done.append("began")
        if len(done) == 1:
            raise KeyboardInterrupt

    place, steps = Place(Server(written), configuration()), [Step(2, "all is new", do)]
    with pytest.raises(KeyboardInterrupt):
        format_mark.migrate(place, print, OWN, steps)
    assert format_mark.stored(place.connection, SPACE) == BEFORE_MARKS
    format_mark.migrate(place, print, OWN, steps)
    assert done == ["began", "began"]
    assert format_mark.stored(place.connection, SPACE) == OWN


def test_down_leaves_it_with_what_it_is_about() -> None:
    assert format_mark.COMPONENT in ending.RECORDS
