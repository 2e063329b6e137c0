"""Which things are meant by what was asked, and which of them stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jupyter_amltrain.disk.choice import Asked, choose, seconds_of
from jupyter_amltrain.disk.items import BYTECODE, SNAPSHOTS, DiskItem, EnvironmentVersion
from jupyter_amltrain.engines.protocol import BASE, BUILD_CACHE, IMAGE, SETTINGS, VIRTUALENV
from jupyter_amltrain.errors import NameNotFoundException, UserErrorException

DAY_S = 86400
NOW = 100 * DAY_S
OLD = EnvironmentVersion("ws-1", "ws", "torch", "1")
NEW = EnvironmentVersion("ws-1", "ws", "torch", "2", latest=True)
PLAIN = EnvironmentVersion("ws-1", "ws", "plain", "1", latest=True)
THEIRS = EnvironmentVersion("other-2", "other", "torch", "1", latest=True)


def thing(key: str, kind: str = IMAGE, **fields: Any) -> DiskItem:
    return DiskItem("docker", key, kind, fields.pop("name", key), 5, **{"last_used": NOW - 10 * DAY_S, **fields})


ITEMS = [
    thing("old", environments=(OLD,), made_for="torch", last_used=NOW - 40 * DAY_S),
    thing("new", environments=(NEW,), made_for="torch"),
    thing("before-base-moved", made_for="torch"),
    thing("running", environments=(PLAIN,), keep="the run r is not over"),
    thing("shared", environments=(THEIRS, OLD)),
    thing("not-ours", ours=False, made_for="torch"),
    thing("unknown", ours=None),
    thing("python:3", BASE, ours=None, environments=(OLD, NEW)),
    thing("venv", VIRTUALENV, environments=(OLD,)),
    thing("settings-1", SETTINGS, passing=True),
    thing("settings-2", SETTINGS),
    thing("snapshots", SNAPSHOTS, passing=True),
    thing("cache", BUILD_CACHE, ours=None),
    thing("code-old", BYTECODE, stands_on=("old",)),
    thing("code-gone", BYTECODE, passing=True),
]


def chosen(*names: str, **asked: Any) -> tuple[list[str], dict[str, str]]:
    found, kept = choose(ITEMS, [OLD, NEW, PLAIN, THEIRS], "ws-1", Asked(names, **asked), NOW)
    return [item.key for item in found], {item.key: item.keep for item in kept}


def test_nothing_is_chosen_unasked() -> None:
    assert chosen() == ([], {})


def test_all_versions_of_a_name_and_what_nothing_leads_to_any_more() -> None:
    assert chosen("torch") == (
        ["old", "new", "before-base-moved", "venv", "code-old"],
        {"shared": "the environment torch:1 of the workspace other has it too"},
    )


def test_one_version() -> None:
    found, kept = chosen("torch:1")
    assert found == ["old", "venv", "code-old"]
    assert [*kept] == ["shared"]


def test_what_a_live_run_has_stays() -> None:
    assert chosen("plain") == ([], {"running": "the run r is not over"})


def test_another_version_that_is_not_named_keeps_it() -> None:
    both = [thing("both", environments=(OLD, NEW))]
    found, kept = choose(both, [OLD, NEW], "ws-1", Asked(("torch:1",)), NOW)
    assert (found, kept[0].keep) == ([], "the environment torch:2 has it too; name that as well to delete it")
    assert choose(both, [OLD, NEW], "ws-1", Asked(("torch:1", "torch:2")), NOW) == (both, [])


def test_things_by_their_own_name_or_id() -> None:
    assert chosen("python:3", "unknown") == (["unknown", "python:3"], {})
    assert chosen("not-ours") == ([], {"not-ours": "another home folder on this engine made it"})
    image = thing("sha256:0123456789abcdef", ours=None, name="nameless")
    for name in ("0123456789", "sha256:0123456789"):
        assert choose([image], [], "ws-1", Asked((name,)), NOW) == ([image], [])
    with pytest.raises(NameNotFoundException):
        choose([image], [], "ws-1", Asked(("0123",)), NOW)


def test_what_is_not_used() -> None:
    assert chosen(unused=True) == (
        ["old", "before-base-moved", "venv", "settings-1", "snapshots", "code-gone", "code-old"],
        {},
    )


def test_what_was_not_used_for_long() -> None:
    assert chosen(older_than_s=30 * DAY_S)[0] == ["old", "code-old"]
    assert chosen(older_than_s=5 * DAY_S, unused=True)[0] == chosen(unused=True)[0]
    assert chosen(older_than_s=5 * DAY_S)[0] == ["old", "new", "before-base-moved", "shared", "venv", "code-old"]


def test_the_build_cache_by_itself() -> None:
    assert chosen(build_cache=True) == (["cache"], {})


def test_an_environment_that_has_nothing_is_no_mistake() -> None:
    lonely = EnvironmentVersion("ws-1", "ws", "lonely", "1", latest=True)
    assert choose(ITEMS, [lonely], "ws-1", Asked(("lonely",)), NOW) == ([], [])


@pytest.mark.parametrize("name", ["troch", "torch:7", ""])
def test_a_name_of_nothing(name: str) -> None:
    with pytest.raises(NameNotFoundException, match="no environment or image"):
        chosen(name)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 30 * DAY_S), ("12h", DAY_S / 2), ("2W", 14 * DAY_S), (3, 3 * DAY_S), (timedelta(1), DAY_S), (None, None)],
)
def test_spans(text: Any, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3d", "30m", "d"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(UserErrorException, match="time span"):
        seconds_of(text)
