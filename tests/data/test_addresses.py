"""Data behind addresses: a real S3 server, and a job that reads from it and writes to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_amltrain import Dataset, Datastore, Environment, OutputFileDatasetConfig, Workspace
from jupyter_amltrain.errors import UserErrorException

from .s3_server import S3Server
from .test_jobs import on_both_engines, run_script

COPIES = """
import os, sys
assert open(sys.argv[1] + "/a.txt").read() == "a"
assert sorted(os.listdir(sys.argv[2])) == ["b.txt"]
with open(sys.argv[3] + "/made.txt", "w") as file:
    file.write("made")
"""


@on_both_engines
def test_a_job_reads_from_a_bucket_and_writes_to_it(
    s3: S3Server, workspace: Workspace, environment: Environment, tmp_path: Path
) -> None:
    bucket = Datastore.register_address(
        workspace,
        "bucket",
        "s3://pets/all",
        endpoint_url=s3.address,
        key="env:TEST_S3_KEY",
        secret="env:TEST_S3_SECRET",
    )
    s3.files().mkdir("pets")
    for name in ("train/a.txt", "train/sub/b.txt"):
        (tmp_path / "up" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "up" / name).write_text(Path(name).stem)
    bucket.upload(tmp_path / "up", show_progress=False)
    assert Dataset.File.from_files((bucket, "train")).to_path() == ["/a.txt", "/sub/b.txt"]
    run_script(
        workspace,
        environment,
        tmp_path / "source",
        COPIES,
        [
            Dataset.File.from_files((bucket, "train")).as_mount(),
            bucket.path("train/sub").as_download(),
            OutputFileDatasetConfig("made", destination=(bucket, "made")).as_mount().register_on_complete("made"),
        ],
    )
    assert Path(Dataset.get_by_name(workspace, "made").download(tmp_path / "to")[0]).read_text() == "made"
    assert bucket.download(tmp_path / "back", prefix="train", show_progress=False) == 2
    with pytest.raises(UserErrorException, match="There is no file at s3://pets/all/gone"):
        Dataset.File.from_files((bucket, "gone"))
