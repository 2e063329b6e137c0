"""The steps that a view gets, made from what builders, installers and engines print."""

from __future__ import annotations

import pytest

from engine.preparation import BuildLog
from jupyter_amltrain.engines.protocol import Step
from jupyter_amltrain.environment.builder.engine_build import Build
from jupyter_amltrain.environment.output.build import BuildOutput
from jupyter_amltrain.environment.output.installer import InstallerOutput
from jupyter_amltrain.environment.output.pull import PullOutput, may_pass
from jupyter_amltrain.environment.output.steps import SHOWN_LINES, Steps
from jupyter_amltrain.environment.output.terminal_text import plain_line
from jupyter_amltrain.errors import CanceledException, RegistryException

UV = """\
Using Python 3.11.2 environment at: /opt/amltrain/env
Resolved 4 packages in 202ms
Downloading numpy (16.0MiB)
Downloading pandas (12.0MiB)
 Downloaded numpy
 Downloaded pandas
Prepared 4 packages in 361ms
Installed 4 packages in 33ms
 + numpy==2.4.6
"""


PODMAN = """\
[1/2] STEP 1/2: FROM localhost/python-base:1 AS one
[1/2] STEP 2/2: RUN echo first
--> Using cache 97294de7e87036aa4bd7a40cef906e8676adfdfe07228c97956b7cc5df0ef962
--> 97294de7e87
[2/2] STEP 1/3: FROM localhost/python-base:1
[2/2] STEP 2/3: RUN echo second
second
--> 28fd9a2a146
[2/2] STEP 3/3: LABEL "amltrain.environment"="pod"
[2/2] COMMIT docker.io/amltrain/pod:cf5d3189d39f
--> aaa6fc359dc
Successfully tagged docker.io/amltrain/pod:cf5d3189d39f
aaa6fc359dcad1fbfaead3d00ec4a723768475eadefdd0299654464566cf1421
Successfully built aaa6fc359dca
"""
DOCKER = """\
Step 1/4 : FROM python-base:1 AS one
 ---> 3ac56a8e2113
Step 2/4 : RUN echo first
 ---> Using cache
 ---> 97294de7e870
Step 3/4 : FROM python-base:1
 ---> 3ac56a8e2113
Step 4/4 : RUN echo second
 ---> Running in 5e1afca1cf6a
second
Removing intermediate container 5e1afca1cf6a
 ---> aaa6fc359dca
Successfully built aaa6fc359dca
"""


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("as it is ü", "as it is ü"),
        ("\x1b[1;31mred\x1b[0m text", "red text"),
        ("  10 %\r  50 %\r 100 %\r\n", " 100 %"),
        ("\x1b]8;;https://example.com\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("\x1b_amltrain;{}\x1b\\", ""),
        ("left\u202eright\u2066", "leftright"),
        ("bell\x07 null\x00 tab\t.", "bell null tab\t."),
        ("\x1b[2K\x1b[1A\x1b(Bdone", "done"),
        ("\x1b]8;;never closed", ""),
    ],
)
def test_a_line_is_shown_as_plain_text(line: str, plain: str) -> None:
    assert plain_line(line) == plain


def test_uv_tells_what_it_downloads() -> None:
    output, told = InstallerOutput(), []
    for line in UV.splitlines():
        output.take(line)
        told.append((output.current >> 20, output.total >> 20, output.detail))
    assert told == [
        (0, 0, ""),
        (0, 0, "resolved 4 packages"),
        (0, 16, "downloading numpy"),
        (0, 28, "downloading numpy, pandas"),
        (16, 28, "downloading pandas"),
        (28, 28, ""),
        (28, 28, "prepared 4 packages"),
        (28, 28, "installed 4 packages"),
        (28, 28, "installed 4 packages"),
    ]


def test_pip_and_apt_tell_what_they_download() -> None:
    pip = InstallerOutput()
    pip.take("  Downloading numpy-2.4.6-cp311-manylinux_2_17_x86_64.whl (16.7 MB)")
    assert pip.detail == "downloading numpy"
    pip.take("     ━━━━━━━━━━━━━━━━━━━━━━━━ 4.2/16.7 MB 11.3 MB/s eta 0:00:01")
    assert (pip.current, pip.total) == (4_200_000, 16_700_000)
    apt = InstallerOutput()
    apt.take("Get:1 http://mirror.example.com/debian bookworm InRelease [151 kB]")
    assert (apt.current, apt.total) == (0, 0)
    apt.take("Need to get 1,024 kB/38.4 MB of archives.")
    apt.take("Get:1 http://mirror.example.com/debian bookworm/main amd64 nano amd64 7.2-1 [690 kB]")
    assert (apt.current, apt.total) == (690_000, 1_024_000)


def test_a_step_goes_from_waiting_to_done() -> None:
    log, now = BuildLog(), [0.0]
    steps = Steps(log, "build", clock=lambda: now[0])
    steps.announce("a", "RUN one")
    steps.begin("a", "RUN one")
    now[0] = 2.0
    steps.line("a", "\x1b[32mgreen\x1b[0m")
    steps.line("a", "")
    now[0] = 3.0
    steps.end("a")
    steps.end("a", "failed")
    steps.line("unknown", "text")
    assert log.steps == [
        Step("build a", "RUN one", "waiting"),
        Step("build a", "RUN one", "running"),
        Step("build a", "RUN one", "running", 2.0, tail=("green",)),
        Step("build a", "RUN one", "done", 3.0, tail=("green",)),
    ]
    for number in range(1000):
        steps.line("a", f"line {number}")
    assert log.steps[-1].tail == tuple(f"line {number}" for number in range(1000 - SHOWN_LINES, 1000))
    assert len(steps.lines("a")) == 200


@pytest.mark.parametrize(
    ("printed", "base"), [(PODMAN, "localhost/python-base:1"), (DOCKER, "python-base:1")], ids=["podman", "docker"]
)
@pytest.mark.parametrize("portion", [1, 7, 10_000])
def test_text_of_a_builder_becomes_steps_however_it_is_cut(printed: str, base: str, portion: int) -> None:
    log = BuildLog()
    output = BuildOutput(Build("environment 'e'", "", "amltrain/e:1"), log)
    for at in range(0, len(printed), portion):
        output.take({"stream": printed[at : at + portion]})
    assert output.result() == "aaa6fc359dca"
    last = {step.key: step for step in log.steps}
    assert [(step.name, step.state, step.tail) for step in last.values()] == [
        (f"FROM {base} AS one", "cached", ()),
        ("RUN echo first", "cached", ()),
        (f"FROM {base}", "cached", ()),
        ("RUN echo second", "done", ("second",)),
    ]
    assert log.text == printed


def test_a_pull_is_one_step_of_layers_and_bytes() -> None:
    log = BuildLog()
    events = [
        {"status": "Pulling from team/image", "id": "1"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "a"},
        {"status": "Already exists", "progressDetail": {}, "id": "b"},
        {"status": "Downloading", "progressDetail": {"current": 1000, "total": 4000}, "id": "a"},
        {"status": "Download complete", "progressDetail": {}, "id": "a"},
        {"status": "Extracting", "progressDetail": {"current": 10, "total": 4000}, "id": "a"},
        {"status": "Pull complete", "progressDetail": {}, "id": "a"},
        {"status": "Digest: sha256:abc"},
    ]
    PullOutput("host.example.com/team/image:1", log).take_all(lambda: events)
    told = list(dict.fromkeys((step.current, step.total, step.detail) for step in log.steps))
    assert told == [
        (0, 0, ""),
        (0, 0, "0 of 1 layers"),
        (0, 0, "1 of 2 layers"),
        (1000, 4000, "1 of 2 layers"),
        (4000, 4000, "1 of 2 layers"),
        (4000, 4000, "1 of 2 layers, extracting"),
        (4000, 4000, "2 of 2 layers"),
    ]
    assert (log.steps[0].name, log.steps[-1].state) == ("pull host.example.com/team/image:1", "done")
    first, *rest = log.text.splitlines()
    assert first == "Pulling host.example.com/team/image:1 from host.example.com"
    assert rest == ["b: Already exists", "a: Pull complete", "Digest: sha256:abc"]


def test_a_pull_that_is_larger_than_the_room_is_said_once_as_soon_as_it_is_known() -> None:
    events = [
        {"status": "Downloading", "progressDetail": {"current": 1, "total": 400_000_000}, "id": "a"},
        {"status": "Downloading", "progressDetail": {"current": 1, "total": 400_000_000}, "id": "b"},
        {"status": "Downloading", "progressDetail": {"current": 2, "total": 400_000_000}, "id": "b"},
    ]
    log, roomy, unknown = BuildLog(), BuildLog(), BuildLog()
    PullOutput("i:1", log, free_bytes=2_000_000_000).take_all(lambda: events)
    (said,) = [line for line in log.text.splitlines() if "may not fit" in line]
    assert said.startswith("The layers of i:1 are 800 MB or more, about 2.4 GB once unpacked, and 2 GB are free")
    PullOutput("i:1", roomy, free_bytes=3_000_000_000).take_all(lambda: events)
    PullOutput("i:1", unknown).take_all(lambda: events)
    assert "may not fit" not in roomy.text + unknown.text


def test_a_pull_is_tried_again_only_for_what_passes() -> None:
    log, tries = BuildLog(), 0

    def pull(message: str, succeed_at: int = 99) -> list[dict[str, str]]:
        nonlocal tries
        tries += 1
        if tries < succeed_at:
            raise RegistryException(message)
        return []

    PullOutput("i:1", log, (0.0, 0.0)).take_all(lambda: pull("read: connection reset by peer", 3))
    assert (tries, log.text.count("trying again")) == (3, 2)
    tries = 0
    with pytest.raises(RegistryException):
        PullOutput("i:1", log, (0.0, 0.0)).take_all(lambda: pull("dial tcp: i/o timeout"))
    assert (tries, log.steps[-1].state) == (3, "failed")
    tries = 0
    with pytest.raises(RegistryException):
        PullOutput("i:1", log, (0.0, 0.0)).take_all(lambda: pull("connection refused"))
    assert tries == 1
    log.gave_up = True
    with pytest.raises(CanceledException):
        PullOutput("i:1", log, (60.0,)).take_all(lambda: pull("unexpected EOF"))
    assert log.steps[-1].state == "canceled"


@pytest.mark.parametrize(
    ("message", "passes"),
    [
        ('Get "https://r.example.com/v2/": net/http: TLS handshake timeout', True),
        ("received unexpected HTTP status: 503 Service Unavailable", True),
        ("toomanyrequests: You have reached your pull rate limit", True),
        ('Head "http://127.0.0.1:5000/v2/x/manifests/1": EOF', True),
        ("dial tcp: lookup r.example.com: no such host", False),
        ("x509: certificate signed by unknown authority", False),
        ("unauthorized: authentication required", False),
        ("manifest unknown: manifest 500-slim unknown", False),
    ],
)
def test_what_passes_by_itself(message: str, passes: bool) -> None:
    assert may_pass(message) is passes
