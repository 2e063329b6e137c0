from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.preparation import BuildLog
from engines.jobs import Bench, ProcessPrograms
from jupyter_amltrain.engines.local import LocalEngine, virtualenv
from jupyter_amltrain.engines.local.engine import job_variables
from jupyter_amltrain.engines.local.pip_settings import uv_variables
from jupyter_amltrain.engines.protocol import REBUILD, Exit, Handle
from jupyter_amltrain.errors import (
    CanceledException,
    EngineException,
    GpuUnavailableException,
    ImageBuildException,
    UserErrorException,
)
from jupyter_amltrain.submission.job import Mount, Resources

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


@pytest.fixture
def engine() -> LocalEngine:
    return LocalEngine()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, ProcessPrograms())


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def end_of(engine: LocalEngine, handle: Handle) -> Exit:
    until(lambda: engine.poll(handle) is not None)
    ended = engine.poll(handle)
    assert ended is not None
    return ended


def stdout_of(engine: LocalEngine, handle: Handle) -> bytes:
    return b"".join(chunk.data for chunk in engine.stream(handle) if chunk.stream == "stdout")


def python(code: str) -> tuple[str, ...]:
    return ("python3", "-uc", code)


def ready(engine: LocalEngine, handle: Handle) -> None:
    """Wait for the first output of the job."""
    next(iter(engine.stream(handle)))


class TestCheck:
    def test_a_plain_environment_is_fine(self, engine: LocalEngine) -> None:
        assert engine.check({"name": "e"}, Resources()) == []

    def test_a_dockerfile_is_refused(self, engine: LocalEngine) -> None:
        with pytest.raises(UserErrorException, match="'e' has a Dockerfile, and the local engine cannot build one"):
            engine.check({"name": "e", "dockerfile": "FROM x"}, Resources())

    def test_an_image_with_everything_in_it_is_refused(self, engine: LocalEngine) -> None:
        with pytest.raises(UserErrorException, match="in the image fastai2:1, and the local engine cannot run images"):
            engine.check({"name": "e", "image": "fastai2:1", "user_managed": True}, Resources())
        with pytest.raises(UserErrorException, match="in the image fastai2:1, and the local engine cannot run images"):
            engine.check({"name": "e", "image": "fastai2:1", "mode": "layered"}, Resources())

    def test_an_image_below_packages_is_left_out_visibly(self, engine: LocalEngine) -> None:
        notes = engine.check({"name": "e", "image": "debian:12"}, Resources())
        assert notes == ["The local engine runs no images: debian:12 is left out, only the packages are used."]

    def test_what_is_no_conda_package_is_refused(self, engine: LocalEngine) -> None:
        with pytest.raises(UserErrorException, match="'scipy>>>1' is no conda package"):
            engine.check({"name": "e", "conda": {"dependencies": ["python=3.11", "scipy>>>1"]}}, Resources())

    def test_limits_are_said_not_to_hold(self, engine: LocalEngine) -> None:
        notes = engine.check({"name": "e"}, Resources(cpus=2, memory_bytes=10**9))
        assert notes == ["The local engine does not limit cpus, memory: the job may use all of this machine."]

    def test_a_missing_gpu(self, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jupyter_amltrain.engines.local.engine._gpu_count", lambda: 0)
        with pytest.raises(GpuUnavailableException, match="a GPU and this machine has none"):
            engine.check({"name": "e"}, Resources(gpus=1))
        notes = engine.check({"name": "e"}, Resources(gpus=1, gpu_policy="prefer"))
        assert notes == ["The target asks for a GPU and this machine has none: the job runs with what there is."]

    def test_too_few_gpus(self, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jupyter_amltrain.engines.local.engine._gpu_count", lambda: 1)
        assert engine.check({"name": "e"}, Resources(gpus=-1)) == []
        with pytest.raises(GpuUnavailableException, match="2 GPUs and this machine has 1"):
            engine.check({"name": "e"}, Resources(gpus=2))

    def test_an_interpreter_that_is_not_there(self, engine: LocalEngine) -> None:
        with pytest.raises(UserErrorException, match="/nowhere/python of the environment 'e'"):
            engine.check({"name": "e", "user_managed": True, "interpreter_path": "/nowhere/python"}, Resources())


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with one package, ``amltrain-sample`` 1.0, to be installed without any index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "amltrain_sample-1.0.dist-info"
    with zipfile.ZipFile(folder / "amltrain_sample-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("amltrain_sample.py", "VALUE = 42\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: amltrain-sample\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        names = ("amltrain_sample.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD")
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))
    return folder


def environment(wheels: Path, *requirements: str) -> dict[str, Any]:
    lines = ["--no-index", f"--find-links {wheels}", *(requirements or ("amltrain-sample",))]
    return {"name": "e", "conda": {"dependencies": [{"pip": lines}]}}


class TestPrepare:
    def test_made_once_then_found(self, engine: LocalEngine, bench: Bench, wheels: Path) -> None:
        log = BuildLog()
        made = engine.prepare(environment(wheels), log)
        assert "amltrain-sample==1.0" in log.text
        quiet = BuildLog()
        found = engine.prepare(environment(wheels, "Amltrain_Sample"), quiet)
        assert made.built
        assert found == replace(made, built=False)
        assert (quiet.text, quiet.phases) == ("", [])
        job = bench.job(python("import amltrain_sample, sys; print(amltrain_sample.VALUE, sys.prefix)"), "r")
        handle = engine.start(replace(job, image=made.reference))
        assert stdout_of(engine, handle).decode() == f"42 {made.reference}\n"

    def test_no_packages_is_an_environment_of_its_own(self, engine: LocalEngine) -> None:
        made = engine.prepare({"name": "e"}, BuildLog())
        assert Path(made.interpreter).exists()
        assert subprocess.run([made.interpreter, "-c", "import IPython"], capture_output=True).returncode == 1

    def test_the_notebooks_own_python(self, engine: LocalEngine) -> None:
        own = engine.prepare({"name": "e", "user_managed": True, "interpreter_path": "python"}, BuildLog())
        assert (own.reference, own.interpreter) == ("", sys.executable)

    def test_another_interpreter(self, engine: LocalEngine, bench: Bench, tmp_path: Path) -> None:
        other = tmp_path / "bin" / "python3"
        other.parent.mkdir()
        other.symlink_to(sys.executable)
        image = engine.prepare({"name": "e", "user_managed": True, "interpreter_path": str(other)}, BuildLog())
        handle = engine.start(replace(bench.job(("sh", "-c", "command -v python3"), "r"), image=image.reference))
        assert stdout_of(engine, handle).decode() == f"{other}\n"

    def test_a_package_that_does_not_exist(self, engine: LocalEngine, wheels: Path) -> None:
        with pytest.raises(ImageBuildException, match="no-such-package"):
            engine.prepare(environment(wheels, "no-such-package"), BuildLog())
        assert leftovers() == []

    def test_a_python_that_does_not_exist(self, engine: LocalEngine) -> None:
        with pytest.raises(ImageBuildException, match=r"2\.9"):
            engine.prepare({"name": "e", "conda": {"dependencies": ["python=2.9"]}}, BuildLog())
        assert leftovers() == []

    def test_canceled(self, engine: LocalEngine, wheels: Path) -> None:
        with pytest.raises(CanceledException):
            engine.prepare(environment(wheels), BuildLog(cancel_at="Python"))
        assert leftovers() == []

    def test_secrets_are_put_in_and_not_shown(
        self, engine: LocalEngine, wheels: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        spec = environment(wheels)
        address = "http://{amltrain-secret-0}@127.0.0.1:1/simple"
        spec["conda"]["dependencies"][0]["pip"] = [f"--index-url {address}", "amltrain-sample"]
        log = BuildLog()
        with pytest.raises(ImageBuildException) as caught:
            engine.prepare(spec, log, {"url-0": "me:hunter2"})
        assert "hunter2" not in log.text + str(caught.value)
        assert "amltrain-secret" not in log.text

    def test_a_killed_maker_leaves_no_half_made_environment(self, engine: LocalEngine, wheels: Path) -> None:
        dead = elsewhere(wheels, "os.kill(os.getpid(), 9)")
        dead.communicate(timeout=PATIENCE_S)
        assert dead.returncode == -signal.SIGKILL
        made = engine.prepare(environment(wheels), BuildLog())
        assert made.built
        subprocess.run([made.interpreter, "-c", "import amltrain_sample"], check=True)

    def test_two_makers_at_once_make_it_once(self, wheels: Path) -> None:
        makers = [elsewhere(wheels, "pass") for _ in range(2)]
        results = sorted(maker.communicate(timeout=PATIENCE_S)[0] for maker in makers)
        assert results == ["False\n", "True\n"]

    def test_an_environment_whose_python_was_removed_is_made_again(self, engine: LocalEngine, wheels: Path) -> None:
        made = engine.prepare(environment(wheels), BuildLog())
        Path(made.interpreter).unlink()
        assert engine.prepare(environment(wheels), BuildLog()).built
        assert Path(made.interpreter).exists()

    def test_a_rebuilt_one_is_new_and_leaves_the_old_one_to_its_jobs(self, engine: LocalEngine, wheels: Path) -> None:
        first = engine.prepare(environment(wheels), BuildLog())
        second = engine.prepare(environment(wheels), BuildLog(), renew=REBUILD)
        assert second.built
        assert second.reference != first.reference
        assert Path(first.interpreter).exists()
        found = engine.prepare(environment(wheels), BuildLog())
        assert (found.reference, found.built) == (second.reference, False)

    def test_the_notebooks_version_is_the_notebooks_python(self) -> None:
        own = "{}.{}".format(*sys.version_info)
        assert virtualenv.plan_virtualenv(own, (), ()).python == sys.executable
        assert virtualenv.plan_virtualenv("3.1", (), ()).python == "3.1"


def leftovers() -> list[str]:
    folder = Path(os.environ["AMLTRAIN_HOME"]) / "environments"
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"]


def elsewhere(wheels: Path, on_output: str) -> subprocess.Popen[str]:
    """A process that prepares the environment and prints whether it was the one to make it."""
    code = f"""
import os
from jupyter_amltrain.engines.local import LocalEngine

class Log:
    def write(self, data): {on_output}
    def phase(self, text): pass
    def step(self, step): pass
    def canceled(self): return False

print(LocalEngine().prepare({environment(wheels)!r}, Log()).built)
"""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


class TestPipSettings:
    def test_in_uvs_words(self, tmp_path: Path) -> None:
        (tmp_path / "pip.conf").write_text(
            "[global]\nextra-index-url = https://one/simple\n  https://two/simple\n[install]\nfind-links = /a /b\n"
        )
        found = uv_variables({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_INDEX_URL": "https://main/simple"})
        assert found["UV_DEFAULT_INDEX"] == "https://main/simple"
        assert found["UV_INDEX"] == "https://one/simple https://two/simple"
        assert found["UV_FIND_LINKS"] == "/a,/b"
        assert found["UV_INDEX_STRATEGY"] == "unsafe-best-match"

    def test_what_is_set_for_uv_stays(self) -> None:
        set_for_pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "https://pip", "PIP_CERT": "/pip.pem"}
        assert uv_variables({**set_for_pip, "UV_INDEX_URL": "https://uv"}) == {"SSL_CERT_FILE": "/pip.pem"}
        assert uv_variables({**set_for_pip, "UV_DEFAULT_INDEX": "x", "SSL_CERT_FILE": "/mine.pem"}) == {}


class TestStart:
    def test_outlives_the_group_of_its_starter(self, engine: LocalEngine, bench: Bench, tmp_path: Path) -> None:
        code = """
        import os, sys, time
        print('ready')
        while not os.path.exists('../go'): time.sleep(0.01)
        print('still here')
        """
        job = bench.job(python("\n".join(line.strip() for line in code.split("\n"))), "r")
        starter = other_process("start", job, tmp_path, "import os, signal; os.killpg(0, signal.SIGKILL)")
        handle = json.loads(starter.communicate(timeout=PATIENCE_S)[0])
        assert starter.returncode == -signal.SIGKILL
        ready(engine, handle)
        assert engine.poll(handle) is None
        (bench.work("r") / "go").touch()
        assert stdout_of(engine, handle) == b"ready\nstill here\n"
        assert end_of(engine, handle).code == 0

    def test_an_interrupt_reaches_a_job_of_a_starter_that_ignores_it(
        self, engine: LocalEngine, bench: Bench, tmp_path: Path
    ) -> None:
        job = bench.job(bench.programs.waits("bye"), "r")
        starter = other_process("start", job, tmp_path, "", "import signal; signal.signal(2, signal.SIG_IGN)")
        handle = json.loads(starter.communicate(timeout=PATIENCE_S)[0])
        ready(engine, handle)
        engine.stop(handle, grace_s=20)
        assert stdout_of(engine, handle) == b"ready\nbye\n"
        assert end_of(engine, handle).code == 130

    def test_variables_of_the_kernel_stay_out(self, bench: Bench, tmp_path: Path) -> None:
        around = {
            "PATH": "/usr/bin",
            "HOME": "/home/me",
            "JPY_API_TOKEN": "secret",
            "JUPYTERHUB_API_TOKEN": "secret",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONPATH": "/elsewhere",
        }
        job = bench.job(("true",), "r", environment={"HOME": "/home/job"})
        own = job_variables(job, around)
        folder = str(Path(sys.executable).parent)
        assert own == {"PATH": f"{folder}:/usr/bin", "HOME": "/home/job", "PYTHONPATH": "/elsewhere"}
        in_environment = job_variables(replace(job, image=str(tmp_path)), around)
        assert in_environment == {
            "PATH": f"{tmp_path}/bin:/usr/bin",
            "HOME": "/home/job",
            "VIRTUAL_ENV": str(tmp_path),
        }

    def test_several_nodes_are_refused(self, engine: LocalEngine, bench: Bench) -> None:
        with pytest.raises(EngineException, match="runs one node, and 2 were asked for"):
            engine.start(bench.job(("true",), "r", nodes=2))

    def test_a_mount_elsewhere_is_refused(self, engine: LocalEngine, bench: Bench, tmp_path: Path) -> None:
        with pytest.raises(EngineException, match=f"cannot show {tmp_path} at /data"):
            engine.start(bench.job(("true",), "r", shown=(Mount(str(tmp_path), "/data"),)))


class TestEnd:
    def test_a_file_that_is_no_program(self, engine: LocalEngine, bench: Bench, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("hello")
        handle = engine.start(bench.job((str(tmp_path / "notes.txt"),), "r"))
        ended = end_of(engine, handle)
        assert ended.code == 126
        assert "notes.txt: Permission denied" in ended.reason

    def test_a_working_folder_that_is_gone(self, engine: LocalEngine, bench: Bench) -> None:
        handle = engine.start(replace(bench.job(("true",), "r"), working_dir="/no/such/folder"))
        ended = end_of(engine, handle)
        assert ended.infrastructure
        assert ended.reason == "The working folder of the job cannot be used: No such file or directory."

    @pytest.mark.parametrize(
        ("number", "words"), [(signal.SIGSEGV, "native library crashed"), (signal.SIGKILL, "ran out of memory")]
    )
    def test_a_signal_in_words(self, engine: LocalEngine, bench: Bench, number: signal.Signals, words: str) -> None:
        handle = engine.start(bench.job(python(f"import os; os.kill(os.getpid(), {int(number)})"), "r"))
        ended = end_of(engine, handle)
        assert ended.code == 128 + number
        assert f"ended by {number.name}: " in ended.reason
        assert words in ended.reason

    def test_peak_memory(self, engine: LocalEngine, bench: Bench) -> None:
        handle = engine.start(bench.job(python("b'x' * 200_000_000"), "r"))
        peak = end_of(engine, handle).peak_memory_bytes
        assert peak is not None
        assert 200_000_000 < peak < 400_000_000

    def test_what_the_job_left_running_ends_with_it(self, engine: LocalEngine, bench: Bench) -> None:
        code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
        handle = engine.start(bench.job(python(code), "r"))
        left = int(stdout_of(engine, handle))
        end_of(engine, handle)
        until(lambda: not running(left))

    def test_killed_with_its_keeper(self, engine: LocalEngine, bench: Bench) -> None:
        handle = engine.start(bench.job(bench.programs.waits("bye"), "r"))
        ready(engine, handle)
        os.kill(handle["pid"], signal.SIGKILL)
        until(lambda: not running(handle["pid"]))
        assert engine.poll(handle) is None  # the job itself still runs
        os.kill(handle["job_pid"], signal.SIGKILL)
        ended = end_of(engine, handle)
        assert (ended.code, ended.infrastructure) == (None, True)
        assert ended.reason.startswith("The process of this run is gone")
        assert stdout_of(engine, handle) == b"ready\n"

    def test_a_job_without_its_keeper_can_be_stopped(self, engine: LocalEngine, bench: Bench) -> None:
        handle = engine.start(bench.job(bench.programs.waits("bye"), "r"))
        ready(engine, handle)
        os.kill(handle["pid"], signal.SIGKILL)
        engine.stop(handle, grace_s=20)
        assert engine.poll(handle) is not None
        assert stdout_of(engine, handle) == b"ready\nbye\n"

    def test_another_process_with_the_same_id_is_not_the_job(self, engine: LocalEngine, bench: Bench) -> None:
        handle = engine.start(bench.job(bench.programs.waits("bye"), "r"))
        ready(engine, handle)
        other = {**handle, "pid_started": "1", "job_pid_started": "1"}
        assert engine.poll(other) is not None
        engine.stop(other, grace_s=1)
        assert engine.poll(handle) is None
        engine.remove(handle)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def other_process(verb: str, job: Any, folder: Path, after: str, before: str = "") -> subprocess.Popen[str]:
    """``other_process.py`` in a session of its own, with code run before and after."""
    from dataclasses import asdict

    file = folder / "given.json"
    file.write_text(json.dumps(asdict(job)))
    code = f"{before}\nfrom pathlib import Path\nfrom engines.other_process import main\n"
    code += f"main({verb!r}, 'local', Path({str(file)!r}))\nimport sys; sys.stdout.flush()\n{after}"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
