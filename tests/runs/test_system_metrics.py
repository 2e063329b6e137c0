"""What a run uses of the machine arrives as metrics of the system, beside those of the script."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from engine.bridge import bridge
from engine.daemon import DockerDaemon
from engine.shared import cache_folder
from jupyter_amltrain import Experiment, RunConfiguration, ScriptRunConfig
from jupyter_amltrain.compute import gpu_usage
from jupyter_amltrain.engines.protocol import Usage
from jupyter_amltrain.engines.usage import usage_of_statistics
from jupyter_amltrain.errors import EngineException
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.runs.system_metrics import system_metrics, usage_points
from jupyter_amltrain.workspace import Workspace

from .by_hand import enter_run
from .conftest import Submit, set_target, wait_for_end, wait_until

BUSY = """
import os, time
from azureml.core import Run
held = bytearray(b'x') * (200 << 20)
Run.get_context().log('loss', 1)
while not os.path.exists('enough'):
    sum(range(10000))
"""


@pytest.mark.parametrize("target", ["docker-target", "local"])
def test_of_a_busy_run(workspace: Workspace, submit: Submit, target: str) -> None:
    run = submit(BUSY, target=target, image="python-base:1" if target != "local" else "")
    wait_until(lambda: len(workspace.store.points(run.id, name="system/cpu")) > 1, "the second look at the CPU")
    (workspace.run_folder(run.id) / "work/code/enough").touch()
    assert wait_for_end(workspace, run.id) == "Completed"
    found = run.get_system_metrics()
    assert {"system/cpu", "system/memory"} <= found.keys()
    assert all(10 < percent < 250 for percent in found["system/cpu"])
    assert 200 << 20 < max(found["system/memory"]) < 400 << 20
    assert run.get_metrics(name="system/cpu") == {"system/cpu": found["system/cpu"]}
    assert run.get_metrics() == {"loss": 1}
    assert workspace.store.metric_sources(run.id) == {"loss": ""}
    assert workspace.store.metric_sources(run.id, system=True)["system/memory"] == "system"
    assert workspace.store.metric_names(run.id, system=True)["system/cpu"] == len(found["system/cpu"])


MOVES_DATA = """
import os, socket, sys
server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while not os.path.exists('enough'):
    server.sendall(bytes(1 << 20))
    left = 1 << 20
    while left:
        left -= len(server.recv(left))
    with open('data', 'wb') as file:
        file.write(os.urandom(4 << 20))
        file.flush()
        os.fsync(file.fileno())
    with open('data', 'rb', 0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.read()
"""


class Echo(socketserver.BaseRequestHandler):
    """Sends back what it gets."""

    def handle(self) -> None:
        while data := self.request.recv(1 << 16):
            self.request.sendall(data)


def test_network_and_disk(
    private_engine: Callable[..., DockerDaemon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = private_engine()
    with ExitStack() as stack:
        # Of files in memory, which a temporary folder may have, no disk knows.
        home = stack.enter_context(TemporaryDirectory(prefix="home-", dir=cache_folder()))
        network = stack.enter_context(bridge(daemon))
        server = stack.enter_context(socketserver.ThreadingTCPServer((network.gateway, 0), Echo))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        for name, value in (("AMLTRAIN_HOME", home), ("DOCKER_HOST", daemon.url), ("AMLTRAIN_NETWORK", network.name)):
            monkeypatch.setenv(name, value)
        run, workspace = moving_data(tmp_path, network.gateway, server.server_address[1])
        names = [f"system/{name}" for name in ("network_received", "network_sent", "disk_read", "disk_written")]

        def moved(name: str) -> bool:
            return any(point.value > 1 << 16 for point in workspace.store.points(run.id, name=name))

        wait_until(lambda: all(map(moved, names)), "rates of network and disk")
        (workspace.run_folder(run.id) / "work/code/enough").touch()
        assert wait_for_end(workspace, run.id) == "Completed"
        assert {*names} <= run.get_system_metrics().keys()


def moving_data(folder: Path, address: str, port: int) -> tuple[ScriptRun, Workspace]:
    (folder / "train.py").write_text(MOVES_DATA)
    workspace = Workspace.create("moves", show_output=False)
    set_target(workspace, max_nodes=1)
    configuration = RunConfiguration()
    configuration.target = "docker-target"
    configuration.environment.docker.base_image = "python-base:1"
    configuration.environment.python.user_managed_dependencies = True
    asked = ScriptRunConfig(str(folder), script="train.py", arguments=[address, port], run_config=configuration)
    return Experiment(workspace, "moves").submit(asked), workspace


def test_switched_off(workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_SYSTEM_METRICS", "0")
    run = submit("import time\ntime.sleep(2.5)")
    wait_for_end(workspace, run.id)
    assert workspace.store.points(run.id) == []


def test_an_engine_that_fails_or_hangs_is_nobodys_trouble(amltrain_home: Path) -> None:
    workspace = Workspace.create("quiet", show_output=False)
    run = enter_run(workspace)
    asked = []

    def ask() -> Usage | None:
        asked.append(1)
        if len(asked) == 1:
            raise EngineException("it is away")
        if len(asked) == 4:
            time.sleep(600)
        return Usage(time.time(), cpu_seconds=float(len(asked)), memory_bytes=5)

    with system_metrics(workspace.store, workspace.store.run(run.id), ask, ()):
        wait_until(lambda: len(asked) == 4, "the fourth look")
    assert [point.value for point in workspace.store.points(run.id, name="system/memory")] == [5, 5]
    assert run.get_system_metrics().keys() == {"system/memory", "system/cpu"}


def test_of_a_run_that_has_lasted_long_the_highest_is_kept_to_its_end(amltrain_home: Path) -> None:
    workspace = Workspace.create("long", show_output=False)
    run = enter_run(workspace)
    memory = iter([3, 9, 4, 5])
    asked = []

    def ask() -> Usage | None:
        asked.append(1)
        return Usage(time.time(), memory_bytes=next(memory, 5))

    record = replace(workspace.store.run(run.id), started=time.time() - 7 * 86400)
    with system_metrics(workspace.store, record, ask, None):
        wait_until(lambda: len(asked) == 5, "the fifth look")
    kept = [point.value for point in workspace.store.points(run.id, name="system/memory")]
    assert kept[0] == 3
    assert 9 in kept
    assert len(kept) < 5  # of one minute two, or of two minutes four


def test_rates_are_between_two_moments() -> None:
    before = Usage(10.0, 1.0, 100, 0, None, 50, 50)
    now = Usage(12.0, 4.0, 200, 500, 7, 40, 50)
    points = usage_points(before, now, [gpu_usage.GpuUsage(1, 50.0, 9)])
    assert {point.name: point.value for point in points} == {
        "system/memory": 200,
        "system/cpu": 150.0,
        "system/network_received": 250.0,
        "system/disk_read": 0.0,
        "system/disk_written": 0.0,
        "system/gpu/1": 50.0,
        "system/gpu/1/memory": 9,
    }
    assert {point.at for point in points} == {12.0}
    assert [point.name for point in usage_points(None, now)] == ["system/memory"]
    assert usage_points(now, None) == []


@pytest.mark.parametrize("version", [1, 2])
def test_statistics_of_both_kinds_of_control_groups(version: int) -> None:
    idle = {"total_inactive_file": 30} if version == 1 else {"inactive_file": 30}
    read, write = ("Read", "Write") if version == 1 else ("read", "write")
    entries = [
        {"major": 8, "op": op, "value": value} for op, value in ((read, 4), (write, 2), (read, 1), ("Total", 99))
    ]
    statistics: dict[str, Any] = {
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
        "memory_stats": {"usage": 100, "stats": idle},
        "networks": {"eth0": {"rx_bytes": 7, "tx_bytes": 8}, "eth1": {"rx_bytes": 1, "tx_bytes": 1}},
        "blkio_stats": {"io_service_bytes_recursive": entries},
    }
    assert usage_of_statistics(statistics, 1.0) == Usage(1.0, 2.5, 70, 8, 9, 5, 2)
    assert usage_of_statistics({"memory_stats": {}, "cpu_stats": {"cpu_usage": {"total_usage": 0}}}, 1.0) is None


class Driver:
    """Answers as NVIDIA's library does, which only a machine with a GPU has; the second of its GPUs does not tell."""

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = 3
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, device: Any) -> int:  # noqa: N802
        device._obj.value = number + 1
        return 0

    def nvmlDeviceGetUtilizationRates(self, device: Any, busy: Any) -> int:  # noqa: N802
        busy._obj.gpu = 10 * device.value
        return 3 if device.value == 2 else 0

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:  # noqa: N802
        memory._obj.used = device.value << 33
        return 0


def test_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(gpu_usage.gpu_usage(), list)  # without a driver, or with one
    monkeypatch.setattr(gpu_usage, "_library", Driver)
    assert gpu_usage.gpu_usage() == [(0, 10.0, 1 << 33), (2, 30.0, 3 << 33)]
    assert gpu_usage.gpu_usage(("2", "7")) == [(2, 30.0, 3 << 33)]
