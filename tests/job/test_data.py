"""Data sets that a script makes inside its job, of files that it can reach by itself."""

from __future__ import annotations

from pathlib import Path

from other_http import served_folder

from .test_run import submitted

READ = "from azureml.core import Dataset\nfrom azureml.data.dataset_factory import TabularDatasetFactory\n"


def test_rows_of_files_and_of_web_addresses(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "bank train.csv").write_text("age,y\n30,yes\n40,no\n")
    (tmp_path / "part1.csv").write_text("1;x\n")
    (tmp_path / "part2.csv").write_text("2;y\n")
    script = READ + (
        "rows = TabularDatasetFactory.from_delimited_files(path='{web}/bank%20train.csv?x=1')\n"
        "print(rows.to_pandas_dataframe().values.tolist(), rows.to_path())\n"
        "parts = Dataset.Tabular.from_delimited_files('part*.csv', separator=';', header=False, include_path=True)\n"
        "print(parts.to_pandas_dataframe().to_dict('list'))\n"
    )
    with served_folder(tmp_path / "web") as web:
        text, _ = submitted(tmp_path, script.replace("{web}", web), no_proxy="*")
    assert text.splitlines() == [
        "[[30, 'yes'], [40, 'no']] ['/bank train.csv']",
        "{'Path': ['/part1.csv', '/part2.csv'], 'Column1': [1, 2], 'Column2': ['x', 'y']}",
    ]


def test_files_as_they_are_and_what_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "below" / "b.txt").write_text("b")
    script = READ + (
        "files = Dataset.File.from_files(['in', 'in/a.txt'])\nprint(files.to_path())\n"
        "print(sorted(files.download('copies', overwrite=True)) == sorted(os.path.abspath('copies/' + name)\n"
        "      for name in ('a.txt', 'a.txt', 'below/b.txt')))\n"
        "for wrong in ('none*.csv', '{web}/none.csv', ('a datastore', 'a')):\n"
        "    try:\n        Dataset.File.from_files(wrong)\n"
        "    except Exception as error:\n        print(error.message)\n"
    )
    with served_folder(tmp_path) as web:
        text, _ = submitted(tmp_path, "import os\n" + script.replace("{web}", web), no_proxy="*")
    assert text.splitlines() == [
        "['/a.txt', '/below/b.txt', '/a.txt']",
        "True",
        f"There is no file {tmp_path}/none*.csv.",
        f"{web}/none.csv cannot be fetched: File not found.",
        "A job sees the data it was given and no datastores: pass dataset.as_named_input('data') in the arguments of"
        " ScriptRunConfig.",
    ]
