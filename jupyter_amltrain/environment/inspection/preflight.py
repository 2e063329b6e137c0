"""What can be known before a long step: each check turns facts into a finding with a remedy. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import AzureMLException, EngineException, GpuUnavailableException, UserErrorException

OK, NOTE, WARN, REFUSE = "ok", "note", "warn", "refuse"

OLDEST_PYTHON = (3, 6)
ROOM_TO_BEGIN_BYTES = 100 * 1000**2
"""With less than this nothing can be pulled or built."""

ROOM_TO_WARN_BYTES = 2 * 1000**3
"""What a usual image takes while it is pulled or built."""

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i386": "386", "i686": "386"}
_ALSO_RUN = {"amd64": {"386"}}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what, in a word or two.
        verdict: :data:`OK`, :data:`NOTE` (worth knowing), :data:`WARN` (may go wrong), :data:`REFUSE` (cannot work).
        text: what was found.
        remedy: what to do, empty when there is nothing to do.
        kind: the error when it is refused.
    """

    subject: str
    verdict: str
    text: str
    remedy: str = ""
    kind: type[AzureMLException] = UserErrorException

    @property
    def sentence(self) -> str:
        """What was found and what to do, for a message."""
        return f"{self.text}. {self.remedy}".strip()


def refuse(findings: Iterable[Finding]) -> list[str]:
    """The sentences of what is worth saying.

    Raises:
        AzureMLException: of the kind that the first refusal names.
    """
    found = list(findings)
    for finding in found:
        if finding.verdict == REFUSE:
            raise finding.kind(finding.sentence)
    return [finding.sentence for finding in found if finding.verdict in (NOTE, WARN)]


def architecture_name(machine: str) -> str:
    """A machine's name in the words of images: ``x86_64`` is ``amd64``."""
    return _MACHINES.get(machine.lower(), machine.lower())


def architecture_finding(name: str, image: str, engine: str, emulated: bool | None) -> Finding:
    """Whether the engine's processor runs an image's programs.

    Args:
        emulated: whether the engine's machine emulates the image's processor; None when nobody can look.
    """
    image, engine = architecture_name(image), architecture_name(engine)
    subject = "architecture"
    if not image or not engine or image == engine or image in _ALSO_RUN.get(engine, ()):
        return Finding(subject, OK, f"{name} is for {image or 'any processor'}, the engine is {engine or 'unknown'}")
    what = f"The image {name} is for {image} and the engine's processor is {engine}"
    if emulated:
        return Finding(subject, NOTE, f"{what}: it is emulated, which is many times slower")
    remedy = (
        f"Use an image for {engine} (docker pull --platform linux/{engine} …; environment.docker.platform), or install"
        f" emulation once: docker run --privileged --rm tonistiigi/binfmt --install {image}"
    )
    if emulated is None:
        return Finding(subject, WARN, f"{what}: it runs only where the engine emulates {image}", remedy)
    return Finding(subject, REFUSE, f"{what}, which cannot run it (exec format error)", remedy)


def room_finding(free_bytes: int | None, root: str) -> Finding:
    """Whether there is room where the engine keeps its images, as far as that can be known before it is needed."""
    subject = "disk"
    if free_bytes is None:
        return Finding(subject, OK, "not known: the engine's disk is not one of this machine")
    text = f"{_size(free_bytes)} are free at {root}, where the engine keeps images"
    remedy = "Free some: %aml_env --prune, docker image prune, docker builder prune."
    if free_bytes < ROOM_TO_BEGIN_BYTES:
        return Finding(subject, REFUSE, f"Only {text}: nothing can be pulled or built", remedy, EngineException)
    if free_bytes < ROOM_TO_WARN_BYTES:
        return Finding(subject, WARN, f"Only {text}: a pull or a build may not fit", remedy)
    return Finding(subject, OK, text)


def python_finding(name: str, wanted: str, interpreter: str, version: str, *, script: bool = False) -> Finding:
    """Whether scripts run in an image that is used as it is.

    Args:
        wanted: the interpreter asked for; ``python`` stands for the usual ones.
        interpreter: what there is of it, "" for nothing.
        version: of that interpreter, "" when it cannot be told.
        script: a script is to be run, and not a command.
    """
    subject = "Python"
    if not interpreter:
        looked = "neither python nor python3 on its PATH" if wanted == "python" else f"no interpreter {wanted}"
        remedy = "Set python.interpreter_path to one it has, or install Python in a Dockerfile"
        if script or wanted != "python":
            return Finding(subject, REFUSE, f"The image {name} has {looked}", f"{remedy}.")
        return Finding(
            subject,
            NOTE,
            f"The image {name} has {looked}: it runs a command=[…] only, without metrics",
            f"{remedy} for scripts.",
        )
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if not numbers:
        return Finding(subject, OK, f"{interpreter} in {name}, its version is not known")
    if numbers < OLDEST_PYTHON:
        return Finding(
            subject,
            REFUSE,
            f"The {interpreter} of {name} is Python {version}, and jobs need 3.6 or later",
            "Use a newer image, or set python.interpreter_path to a newer interpreter in it.",
        )
    return Finding(subject, OK, f"Python {version} ({interpreter}) in {name}")


def shell_finding(name: str, has_shell: bool, purpose: str) -> Finding:
    """Whether an image has the shell that RUN steps need.

    Args:
        purpose: what needs it.
    """
    if has_shell:
        return Finding("/bin/sh", OK, f"there in {name}")
    return Finding(
        "/bin/sh",
        REFUSE,
        f"The image {name} has no /bin/sh, which {purpose} needs",
        "Use an image with a shell (of a distroless one its debug tag), or use the image as it is:"
        " python.user_managed_dependencies = True.",
    )


@dataclass(frozen=True)
class GpuFacts:
    """What was found out about GPUs.

    Attributes:
        refusal: the engine's own words when it has none to give, else "".
        engine_is_here: the engine runs on this machine, so that the rest means something.
        driver: NVIDIA's driver is loaded.
        toolkit: the container toolkit is installed.
        runtime: the engine knows a runtime or devices of NVIDIA's.
        count: devices, None when they cannot be counted.
    """

    refusal: str
    engine_is_here: bool = False
    driver: bool = False
    toolkit: bool = False
    runtime: bool = False
    count: int | None = None


def gpu_finding(asked: int, policy: str, facts: GpuFacts) -> Finding:
    """Whether the GPUs that are asked for can be had; ``asked`` is -1 for all, 0 for none."""
    subject = "GPU"
    if not facts.refusal:
        if facts.engine_is_here and facts.count and asked > facts.count:
            text = f"{asked} GPUs are asked for and this machine has {facts.count}"
            return Finding(
                subject, REFUSE, text, "Ask for fewer, or use a smaller VM size.", kind=GpuUnavailableException
            )
        return Finding(subject, OK, "the engine gives GPUs to containers")
    if not asked:
        return Finding(subject, OK, "none to give, none asked for")
    if policy == "prefer":
        return Finding(subject, NOTE, "No GPU can be given by this engine: the run uses the CPU")
    missing = []
    if facts.engine_is_here:
        if not facts.driver:
            missing.append("There is no NVIDIA driver on this machine: install it, until nvidia-smi shows the GPU.")
        if not facts.toolkit:
            missing.append("There is no container toolkit: install nvidia-container-toolkit.")
        if not facts.runtime:
            missing.append(
                "The engine does not know of GPUs: sudo nvidia-ctk runtime configure --runtime=docker, then restart it"
                " (Podman: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml)."
            )
    else:
        missing.append("On its machine install the NVIDIA driver and nvidia-container-toolkit, and restart it.")
    missing.append("To run on the CPU: AMLTRAIN_GPU=prefer, or a target whose VM size has no GPU.")
    text = "A GPU was asked for and the engine has none to give"
    return Finding(subject, REFUSE, text, " ".join(missing), GpuUnavailableException)


def _size(number: int) -> str:
    return f"{number / 1000**3:.1f} GB" if number >= 10**9 else f"{number / 1000**2:.0f} MB"
