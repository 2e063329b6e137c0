"""The system programs that the test engines are made of, installed from Debian's packages when they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess

PACKAGES = {
    "dockerd": ("docker.io", "iptables"),
    "mmdebstrap": ("mmdebstrap",),
    "podman": ("podman", "runc", "catatonit"),
    "chromium": ("chromium",),
    "docker-registry": ("docker-registry",),
    "htpasswd": ("apache2-utils",),
    "openssl": ("openssl",),
}

# Daemons lie in folders that are not on everybody's PATH.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


class MissingPart(RuntimeError):
    """A program that the tests need is missing and cannot be installed; the message says what to do."""


def program(name: str) -> str:
    """Path of a program of :data:`PACKAGES`, which is installed when it is missing."""
    return shutil.which(name, path=SEARCH_PATH) or _installed(name)


def _installed(name: str) -> str:
    packages = PACKAGES[name]
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise MissingPart(f"The tests need '{name}' and this is not a Debian machine: install it and try again.")
    if os.geteuid() != 0:
        raise MissingPart(f"The tests need '{name}' and only root can install it: run 'sudo {command}' and try again.")
    print(f"test engine: installing {', '.join(packages)}", flush=True)
    _apt_get("update")
    _apt_get("install", "-y", "--no-install-recommends", *packages)
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        raise MissingPart(f"'{command}' succeeded but there is still no '{name}' on this machine.")
    return found


def _apt_get(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise MissingPart(f"'apt-get {' '.join(arguments)}' failed:\n{done.stdout[-2000:]}")
