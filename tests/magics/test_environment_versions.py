"""``%aml_env`` as a line: which environments there are, and what a version changed."""

from __future__ import annotations

from jupyter_amltrain.environment.curated import NAMES
from magics.notebook import Notebook

FIRST = "%%aml_env --no-build pets\nnumpy\n"


def test_environments_are_listed(notebook: Notebook) -> None:
    assert "No environments yet" in notebook.run("print(repr(get_ipython().run_line_magic('aml_env', '')))").out
    notebook.run(FIRST)
    shown = notebook.run("print(repr(get_ipython().run_line_magic('aml_env', '')))").out
    *_, titles, row, curated = shown.splitlines()
    assert [titles, row] == ["Environment  Version  From", "pets               1  pip, 1 package, isolated"]
    assert curated == f"Curated: {', '.join(NAMES)}"


def test_what_a_version_changed(notebook: Notebook) -> None:
    notebook.run(FIRST)
    assert "pets has one version" in notebook.run("%aml_env --diff pets").out
    notebook.run(FIRST + "pandas\n")
    notebook.run(FIRST + "torch\n")
    changed = notebook.run("%aml_env --diff pets").out
    assert changed.splitlines()[:2] == ["--- pets:2/conda_dependencies.yml", "+++ pets:3/conda_dependencies.yml"]
    assert [line for line in changed.splitlines()[2:] if line[0] in "-+"] == ["-  - pandas", "+  - torch"]
    both = notebook.run("%aml_env --diff pets --version 1 --version 2").out
    assert [line for line in both.splitlines()[2:] if line[0] in "-+"] == ["+  - pandas"]
    assert "Nothing differs between pets:3 and pets:3." in notebook.run("%aml_env --diff pets --version 3").out


def test_what_cannot_be_compared(notebook: Notebook) -> None:
    notebook.run(FIRST)
    assert "did you mean 'pets'?" in notebook.refusal("%aml_env --diff pet")
    assert "has no version 9" in notebook.refusal("%aml_env --diff pets --version 9")
    assert "--diff NAME takes --version" in notebook.refusal("%aml_env --version 1")
