"""Data sets and datastores, as a notebook uses them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_amltrain import Dataset, Datastore, Workspace
from jupyter_amltrain.data.consumption import DatasetConsumptionConfig, OutputFileDatasetConfig
from jupyter_amltrain.data.factory import DataType
from jupyter_amltrain.data.reference import DataPath, DataPathComputeBinding, DataReference
from jupyter_amltrain.errors import NameNotFoundException, UserErrorException
from other_http import served_folder


@pytest.fixture
def here(amltrain_home: Path) -> Workspace:
    return Workspace.create("tests", show_output=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    for name in ("a.txt", "b.csv", "sub/c.txt", "sub/deep/d.txt", ".hidden"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


# --- datastores ------------------------------------------------------------------------------------------------------


def test_every_workspace_has_two_datastores(here: Workspace, folder: Path) -> None:
    assert list(here.datastores) == ["workspaceblobstore", "workspacefilestore"]
    assert here.get_default_datastore() == Datastore.get_default(here) == Datastore.get(here, "workspaceblobstore")
    own = Datastore.register_folder(here, "own", folder)
    assert here.datastores["own"].folder == folder
    here.set_default_datastore("own")
    assert Workspace.get("tests").get_default_datastore().name == "own"
    own.unregister()
    assert here.get_default_datastore().name == "workspaceblobstore"
    assert (folder / "a.txt").exists()
    with pytest.raises(NameNotFoundException, match="did you mean 'workspaceblobstore'"):
        Datastore.get(here, "workspaceblobstor")
    with pytest.raises(NameNotFoundException):
        here.set_default_datastore("own")


def test_upload_and_download(here: Workspace, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = here.get_default_datastore()
    reference = store.upload(str(folder), target_path="up", overwrite=False)
    assert str(reference).startswith("$AZUREML_DATAREFERENCE_")
    assert "Uploaded 5 files" in capsys.readouterr().out
    (folder / "a.txt").write_text("new")
    store.upload(folder, "up")
    assert "Target already exists. Skipping upload for up/a.txt" in capsys.readouterr().out
    assert store.download(tmp_path / "to", prefix="up", show_progress=False) == 5
    assert (tmp_path / "to/up/a.txt").read_text() == "a.txt"
    store.upload(folder, "up", overwrite=True, show_progress=False)
    assert store.download(tmp_path / "to", prefix="up/a.txt", show_progress=False) == 0
    assert store.download(tmp_path / "to", prefix="up/a.txt", overwrite=True, show_progress=False) == 1
    assert (tmp_path / "to/up/a.txt").read_text() == "new"
    store.upload_files([folder / "sub/c.txt"], relative_root=folder, target_path="some", show_progress=False)
    assert store.folder is not None
    assert (store.folder / "some/sub/c.txt").exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda ws, d: ws.get_default_datastore().upload(d / "gone"), "src_dir must be a folder"),
        (lambda ws, d: ws.get_default_datastore().upload(d, "../up"), "leads out of the datastore"),
        (lambda ws, d: ws.get_default_datastore().download(d, prefix="gone"), "There is no file or folder"),
        (lambda ws, d: ws.get_default_datastore().upload_files([d / "gone"]), "There is no file"),
        (lambda ws, d: ws.get_default_datastore().upload_files([d / "a.txt"], d / "sub"), "does not lie in"),
        (lambda ws, d: ws.get_default_datastore().unregister(), "cannot be unregistered"),
        (lambda ws, d: Datastore.register_folder(ws, "x", d / "gone"), "There is no folder"),
        (lambda ws, d: Datastore.register_folder(ws, "a b", d), "cannot name a datastore"),
        (lambda ws, d: Datastore.register_azure_blob_container(ws, "x", "c", "a", account_key="k"), "no Azure here"),
        (lambda ws, d: Datastore.register_address(ws, "x", str(d)), "is no address"),
        (lambda ws, d: Datastore.register_address(ws, "x", "memory://x", secret="abc"), "secrets are not kept"),
        (lambda ws, d: Datastore.register_address(ws, "x", "s3://key:word@bucket"), "holds a password"),
        (lambda ws, d: Datastore.register_address(ws, "x", "nosuch://x"), "cannot be used: Protocol not known"),
        (lambda ws, d: DataReference(ws.get_default_datastore(), mode="x"), "Invalid mode x"),
        (lambda ws, d: Dataset.File.from_files(d / "a.tx"), r"Did you mean .*a\.txt\?"),
        (lambda ws, d: Dataset.File.from_files(f"{d}/*.png"), "No file fits"),
        (lambda ws, d: Dataset.File.from_files([]), "an empty list"),
        (lambda ws, d: Dataset.File.from_files(5), "Invalid argument type for `path`"),
        (lambda ws, d: Dataset.File.from_files("s3://bucket/x"), "Datastore.register_address"),
        (lambda ws, d: Dataset.File.from_files(d).as_named_input("a b"), 'Invalid input name "a b"'),
        (lambda ws, d: DatasetConsumptionConfig("a", Dataset.File.from_files(d), "bogus"), "Invalid mode 'bogus'"),
        (lambda ws, d: OutputFileDatasetConfig("a", destination="x"), "destination takes a tuple"),
        (lambda ws, d: Dataset.get_by_name(ws, "gone"), "no data set 'gone'"),
    ],
)
def test_what_cannot_be_right_is_said(here: Workspace, folder: Path, act: object, sentence: str) -> None:
    with pytest.raises(UserErrorException, match=sentence):
        act(here, folder)  # type: ignore[operator]


def test_a_secret_is_never_kept(here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    store = Datastore.register_address(here, "remote", "memory://remote", password="env:NO_SUCH_SECRET")
    assert here.store.datastores()["remote"]["options"] == {"password": "env:NO_SUCH_SECRET"}
    with pytest.raises(UserErrorException, match="environment variable NO_SUCH_SECRET, and that is not set"):
        store.download(".")


# --- files -----------------------------------------------------------------------------------------------------------


def test_paths_and_patterns(here: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names(path: object) -> list[str]:
        return Dataset.File.from_files(path).to_path()

    assert names(folder) == ["/.hidden", "/a.txt", "/b.csv", "/sub/c.txt", "/sub/deep/d.txt"]
    assert names(f"{folder}/**/*.txt") == ["/a.txt", "/sub/c.txt", "/sub/deep/d.txt"]
    assert names(f"{folder}/sub/*/d.txt") == ["/deep/d.txt"]
    assert names(folder / "a.txt") == ["/a.txt"]
    assert names([folder / "a.txt", folder / "sub/c.txt"]) == ["/a.txt", "/sub/c.txt"]
    monkeypatch.chdir(folder)
    assert names("sub") == names("./sub/**") == ["/c.txt", "/deep/d.txt"]
    store = Datastore.register_folder(here, "own", folder)
    assert names((store, "sub")) == names(store.path("sub")) == ["/c.txt", "/deep/d.txt"]
    assert names((store, "**/*.csv")) == ["/b.csv"]
    os.symlink(folder, folder / "sub/circle")
    assert names((store, "sub"))[:2] == ["/c.txt", "/circle/.hidden"]


def test_parts_of_a_data_set(folder: Path, tmp_path: Path) -> None:
    dataset = Dataset.File.from_files(folder)
    assert dataset.take(2).to_path() == ["/.hidden", "/a.txt"]
    assert dataset.skip(3).to_path() == ["/sub/c.txt", "/sub/deep/d.txt"]
    assert dataset.skip(1).take(1).to_path() == ["/a.txt"]
    one, other = dataset.random_split(0.5)
    assert sorted(one.to_path() + other.to_path()) == sorted(dataset.to_path())
    assert dataset.random_split(0.5, seed=3)[0].to_path() == dataset.random_split(0.5, seed=3)[0].to_path()
    for wrong in (-1, "a", True):
        with pytest.raises(ValueError, match="positive integer"):
            dataset.take(wrong)
    copies = dataset.take(2).download(tmp_path / "to")
    assert copies == [str(tmp_path / "to/.hidden"), str(tmp_path / "to/a.txt")]
    with pytest.raises(UserErrorException, match="overwrite=True"):
        dataset.download(tmp_path / "to")
    assert len(dataset.download(tmp_path / "to", overwrite=True)) == 5
    with dataset.mount() as context:
        point = Path(context.mount_point)
        assert (point / "sub/c.txt").read_text() == "sub/c.txt"
    assert not point.exists()
    assert (folder / "sub/c.txt").exists()


def test_versions_and_tags(here: Workspace, folder: Path) -> None:
    first = Dataset.File.from_files(folder).register(here, "pets", description="some", tags={"n": 1})
    assert (first.name, first.version, first.tags, first.description) == ("pets", 1, {"n": "1"}, "some")
    with pytest.raises(UserErrorException, match="create_new_version=True"):
        Dataset.File.from_files(folder).register(here, "pets")
    second = Dataset.File.from_files(folder / "sub").register(here, "pets", create_new_version=True)
    assert Dataset.get_by_name(here, "pets").id == here.datasets["pets"].id == second.id
    assert Dataset.get_by_name(here, "pets", version=1).id == Dataset.get_by_id(here, first.id).id == first.id
    with pytest.raises(UserErrorException, match="has no version 7; there are: 1, 2"):
        Dataset.get_by_name(here, "pets", 7)
    with pytest.raises(NameNotFoundException, match="did you mean 'pets'"):
        Dataset.get_by_name(here, "pet")
    first.add_tags({"new": "x"}).remove_tags(["n"]).update(description="other")
    again = Dataset.get_by_name(here, "pets", "1")
    assert (again.tags, again.description) == ({"new": "x"}, "other")
    assert '"name": "pets"' in repr(again)
    assert DatasetConsumptionConfig("p", (here, "pets")).dataset.version == 2
    again.unregister_all_versions()
    assert here.datasets == {}


def test_a_file_of_the_web(tmp_path: Path, folder: Path) -> None:
    with served_folder(folder) as address:
        dataset = Dataset.File.from_files(f"{address}/sub/c.txt")
        assert dataset.to_path() == ["/c.txt"]
        assert Path(dataset.download(tmp_path / "to")[0]).read_text() == "sub/c.txt"
        with pytest.raises(UserErrorException, match="could not be downloaded: 404"):
            Dataset.File.from_files(f"{address}/gone.txt").download(tmp_path / "to")


def test_files_of_the_web_that_have_one_name_keep_their_own(tmp_path: Path, folder: Path) -> None:
    with served_folder(folder) as address:
        paths = ("a.txt", "sub/a.txt", "a.txt?again=1", "../../a.txt", "a.txt?2", "..")
        names = Dataset.File.from_files([f"{address}/{path}" for path in paths]).to_path()
    assert names == [
        "/127.0.0.1/2/a.txt",
        "/127.0.0.1/3/a.txt",
        "/127.0.0.1/a.txt",
        "/127.0.0.1/sub/a.txt",
        "/a.txt",
        "/index.html",
    ]


# --- tables ----------------------------------------------------------------------------------------------------------


def test_tables(here: Workspace, tmp_path: Path) -> None:
    for name, text in (("1.csv", "x;y\n1;a\n2;\n"), ("2.csv", "x;y\n3;c\n")):
        (tmp_path / name).write_text(text)
    (tmp_path / "rows.jsonl").write_text('{"x": 1}\n{"x": 2}\n')
    dataset = Dataset.Tabular.from_delimited_files(f"{tmp_path}/*.csv", separator=";")
    frame = dataset.to_pandas_dataframe()
    assert frame["x"].tolist() == [1, 2, 3]
    assert dataset.skip(1).take(1).to_pandas_dataframe()["x"].tolist() == [2]
    one, other = dataset.random_split(0.5, seed=1)
    assert sorted([*one.to_pandas_dataframe()["x"], *other.to_pandas_dataframe()["x"]]) == [1, 2, 3]
    plain = Dataset.Tabular.from_delimited_files(
        str(tmp_path / "1.csv"), separator=";", header=False, infer_column_types=False, include_path=True
    ).to_pandas_dataframe()
    assert list(plain.columns) == ["Path", "Column1", "Column2"]
    assert plain["Column1"].tolist() == ["x", "1", "2"]
    assert Dataset.Tabular.from_json_lines_files(tmp_path / "rows.jsonl").to_pandas_dataframe()["x"].tolist() == [1, 2]
    kept = Dataset.Tabular.register_pandas_dataframe(frame, here.get_default_datastore(), "kept", show_progress=False)
    assert here.datasets["kept"].to_pandas_dataframe()["x"].tolist() == [1, 2, 3]
    with pytest.raises(UserErrorException, match="does not support mount. Only FileDataset supports mount"):
        DatasetConsumptionConfig("t", kept, "mount")
    with pytest.raises(AttributeError, match="keep_columns cannot be used here"):
        _ = kept.keep_columns


def test_links_that_a_job_left_in_a_datastore_lead_nowhere(workspace: Workspace, tmp_path: Path) -> None:
    store = workspace.get_default_datastore()
    assert store.folder is not None
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("s3cret")
    made = store.folder / "made"
    made.mkdir(parents=True)
    (made / "own.txt").write_text("own")
    (made / "again.txt").symlink_to("own.txt")
    (made / "key").symlink_to(tmp_path / "secret/key")
    (made / "secret").symlink_to(tmp_path / "secret")
    for path in ("made", "made/*", "**"):
        names = [os.path.basename(name) for name in Dataset.File.from_files((store, path)).to_path()]
        assert names == ["again.txt", "own.txt"], path
    for path in ("made/key", "made/secret"):
        with pytest.raises(UserErrorException, match="by a link"):
            Dataset.File.from_files((store, path))
    (tmp_path / "key").write_text("other")
    with pytest.raises(UserErrorException, match="by a link"):
        store.upload_files([str(tmp_path / "key")], target_path="made/secret", overwrite=True, show_progress=False)
    assert (tmp_path / "secret/key").read_text() == "s3cret"


def test_a_data_path_is_a_place_in_a_datastore(workspace: Workspace, tmp_path: Path) -> None:
    store = workspace.get_default_datastore()
    (tmp_path / "from").mkdir()
    (tmp_path / "from/a.txt").write_text("a")
    place = DataPath(store, "/some/where/")
    assert (place.datastore_name, place.path_on_datastore) == (store.name, "/some/where/")
    made = Dataset.File.upload_directory(str(tmp_path / "from"), target=place, show_progress=False)
    assert made.to_path() == Dataset.File.from_files([DataPath(store, "some/where")]).to_path() == ["/a.txt"]
    assert Dataset.File.from_files(DataPath(store)).to_path() == ["/some/where/a.txt"]
    reference = place.create_data_reference("there", DataPathComputeBinding("download", path_on_compute="here"))
    assert (reference.mode, reference.path_on_compute, str(reference)) == (
        "download",
        "here",
        "$AZUREML_DATAREFERENCE_there",
    )
    assert DataPath.create_from_data_reference(reference).path_on_datastore == "some/where"
    assert place.create_data_reference().mode == "mount"
    with pytest.raises(ValueError, match="datastore parameter is required"):
        DataPath()


TYPED = """id;when;when2;price;flag;count;left
007;31-12-2024;2024-01-02;1.234,5;yes;3;a
008;01-02-2025;nonsense;7;No;2.5;
"""


def test_column_types(here: Workspace, tmp_path: Path) -> None:
    (tmp_path / "typed.csv").write_text(TYPED)
    types = {
        "id": DataType.to_string(),
        "when": DataType.to_datetime(["%Y", "%d-%m-%Y"]),
        "when2": DataType.to_datetime(),
        "price": DataType.to_float(decimal_mark=","),
        "flag": DataType.to_bool(),
        "count": DataType.to_long(),
    }
    made = Dataset.Tabular.from_delimited_files(tmp_path / "typed.csv", separator=";", set_column_types=types)
    frame = made.register(here, "typed").to_pandas_dataframe()
    assert frame["id"].tolist() == ["007", "008"]
    assert [str(day.date()) for day in frame["when"]] == ["2024-12-31", "2025-02-01"]
    assert (str(frame["when2"][0].date()), frame["when2"].isna().tolist()) == ("2024-01-02", [False, True])
    assert frame["price"].tolist() == [1234.5, 7]
    assert frame["flag"].tolist() == [True, False]
    assert frame["flag"].dtype == bool
    assert (frame["count"][0], frame["count"].isna().tolist()) == (3, [False, True])
    assert frame["left"].isna().tolist() == [False, True]
    for wrong, words in (({"id": "text"}, "takes a type such as"), ({"none": DataType.to_long()}, "names the column")):
        with pytest.raises(UserErrorException, match=words):
            Dataset.Tabular.from_delimited_files(
                tmp_path / "typed.csv", separator=";", set_column_types=wrong
            ).to_pandas_dataframe()
    with pytest.raises(Exception, match="to_stream is not available"):
        DataType.to_stream(here)
