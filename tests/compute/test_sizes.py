"""VM sizes, the limits they stand for on a host, and who decides about GPUs."""

from __future__ import annotations

import pytest

from jupyter_amltrain.compute.host import GIB, HostCapacity, host_capacity
from jupyter_amltrain.compute.sizes import VmSize, find_size, resources_for, target_resources, vm_sizes
from jupyter_amltrain.errors import ComputeTargetException, UserErrorException
from jupyter_amltrain.submission.job import Resources

BIG = HostCapacity(cpus=128, memory_bytes=4000 * GIB, gpus=8)
LAPTOP = HostCapacity(cpus=2, memory_bytes=23 * GIB)


def test_the_table() -> None:
    sizes = vm_sizes()
    assert len(sizes) > 200
    assert all(name == size.name == name.upper() for name, size in sizes.items())
    assert all(size.cpus >= 1 and size.memory_gb >= size.cpus * 0.9 for size in sizes.values())
    # Azure's letters: N for GPUs, and for nothing else.
    assert all((size.gpus > 0) == name.startswith("STANDARD_N") for name, size in sizes.items())


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("STANDARD_NC6", VmSize("STANDARD_NC6", 6, 56, 1)),
        ("Standard_NC24ads_A100_v4", VmSize("STANDARD_NC24ADS_A100_V4", 24, 220, 1)),
        ("standard_nd96asr_v4", VmSize("STANDARD_ND96ASR_V4", 96, 900, 8)),
        ("STANDARD_D2_V2", VmSize("STANDARD_D2_V2", 2, 7)),
        (" STANDARD_DS3_v2 ", VmSize("STANDARD_DS3_V2", 4, 14)),
        ("STANDARD_F4S_V2", VmSize("STANDARD_F4S_V2", 4, 8)),
        ("STANDARD_E8S_V3", VmSize("STANDARD_E8S_V3", 8, 64)),
        ("Standard_D64ds_v4", VmSize("STANDARD_D64DS_V4", 64, 256)),
    ],
)
def test_sizes_are_found_in_any_case(name: str, size: VmSize) -> None:
    assert find_size(name) == size


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NC6", "did you mean 'STANDARD_NC6'?"),
        ("STANDARD_NC7", "did you mean 'STANDARD_NC"),
        ("STANDRAD_D2_V2", "did you mean 'STANDARD_D2_V2'?"),
        ("quite another", "AmlCompute.supported_vmsizes() lists the known ones."),
    ],
)
def test_an_unknown_size_is_refused_with_the_nearest(name: str, words: str) -> None:
    with pytest.raises(ComputeTargetException) as caught:
        find_size(name)
    assert f"there is no vm_size '{name}'" in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("size", "host", "resources", "notes"),
    [
        ("STANDARD_NC12", BIG, Resources(cpus=12, memory_bytes=112 * GIB, gpus=2), ()),
        (
            "STANDARD_NC6",
            LAPTOP,
            Resources(cpus=2, memory_bytes=23 * GIB, gpus=1),
            ("STANDARD_NC6 has 6 CPUs, 56 GB, 1 GPU; this host has 2 CPUs, 23 GB: using those.",),
        ),
        (
            "STANDARD_D3_V2",
            LAPTOP,
            Resources(cpus=2, memory_bytes=14 * GIB),
            ("STANDARD_D3_V2 has 4 CPUs, 14 GB; this host has 2 CPUs, 23 GB: using 2 CPUs, 14 GB.",),
        ),
        (
            "STANDARD_NC24",
            HostCapacity(32, 300 * GIB, gpus=1),
            Resources(cpus=24, memory_bytes=224 * GIB, gpus=1),
            (
                "STANDARD_NC24 has 24 CPUs, 224 GB, 4 GPUs; this host has 32 CPUs, 300 GB, 1 GPU: using 24 CPUs,"
                " 224 GB, 1 GPU.",
            ),
        ),
        ("STANDARD_D1", LAPTOP, Resources(cpus=1, memory_bytes=int(3.5 * GIB)), ()),
    ],
)
def test_a_size_becomes_limits_capped_to_the_host(
    size: str, host: HostCapacity, resources: Resources, notes: tuple[str, ...]
) -> None:
    assert resources_for(find_size(size), host) == (resources, notes)


@pytest.mark.parametrize(
    ("vm_size", "gpu", "override", "gpus", "policy"),
    [
        ("STANDARD_NC12", None, None, 2, "require"),
        ("STANDARD_NC12", "require", None, 2, "require"),
        ("STANDARD_NC12", "prefer", None, 2, "prefer"),
        ("STANDARD_NC12", "ignore", None, 0, "require"),
        ("STANDARD_NC12", None, "prefer", 2, "prefer"),
        ("STANDARD_NC12", "prefer", "require", 2, "require"),
        ("STANDARD_NC12", "require", "IGNORE", 0, "require"),
        ("STANDARD_D2_V2", None, None, 0, "require"),
        ("STANDARD_D2_V2", None, "require", 0, "require"),
        ("STANDARD_D2_V2", "prefer", None, -1, "prefer"),
        ("", None, None, 0, "require"),
        ("", "require", None, -1, "require"),
        ("", "prefer", "ignore", 0, "require"),
    ],
)
def test_who_decides_about_gpus(
    monkeypatch: pytest.MonkeyPatch, vm_size: str, gpu: str | None, override: str | None, gpus: int, policy: str
) -> None:
    if override:
        monkeypatch.setenv("AMLTRAIN_GPU", override)
    resources, notes = target_resources({"vm_size": vm_size, "gpu": gpu}, BIG)
    assert (resources.gpus, resources.gpu_policy) == (gpus, policy)
    assert bool(notes) == ("ignore" in ((override or gpu or "").lower()))


def test_a_wrong_gpu_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_GPU", "prefers")
    with pytest.raises(ComputeTargetException, match="AMLTRAIN_GPU cannot be 'prefers'; did you mean 'prefer'"):
        target_resources({"vm_size": "STANDARD_NC6"}, BIG)


def test_without_a_size_a_node_may_use_the_whole_machine() -> None:
    assert target_resources({"vm_size": ""}, LAPTOP) == (Resources(), ())


def test_shared_memory_of_the_target() -> None:
    assert target_resources({"vm_size": "", "shm_size": "8g"}, LAPTOP)[0].shm_bytes == 8 * GIB
    with pytest.raises(UserErrorException, match="'lots' is not a size"):
        target_resources({"vm_size": "", "shm_size": "lots"}, LAPTOP)


def test_this_host() -> None:
    host = host_capacity()
    assert host.cpus > 0
    assert host.memory_bytes > GIB / 4
    assert host_capacity() is host


def test_memory_and_cpus_of_the_target_come_before_its_size() -> None:
    resources, _ = target_resources({"vm_size": "STANDARD_NC6", "memory": "512m", "cpus": 0.5, "gpu": "ignore"}, LAPTOP)
    assert (resources.memory_bytes, resources.cpus, resources.gpus) == (512 << 20, 0.5, 0)
