"""What must hold for every text: cells, Dockerfiles, package lists and fingerprints (hypothesis)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_amltrain.environment.builder.instructions import (
    base_images,
    check_dockerfile,
    context_sources,
    mounts,
    normalised_dockerfile,
    parse_dockerfile,
    without_syntax_line,
)
from jupyter_amltrain.environment.builder.step_settings import with_settings, without_settings
from jupyter_amltrain.environment.cell import FORMATS, CellEnvironment, parse_cell
from jupyter_amltrain.environment.dockerfile import render_dockerfile
from jupyter_amltrain.environment.fingerprint import fingerprint
from jupyter_amltrain.environment.packages.requirements import Packages, normalised, wanted_packages
from jupyter_amltrain.errors import UserErrorException

# The same examples on every machine and every day; failures found otherwise belong here as plain tests.
BOUNDED = settings(derandomize=True, max_examples=100, deadline=None, database=None)

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}", fullmatch=True)
REQUIREMENTS = st.builds(
    lambda name, operator, version: f"{name}{operator}{version}",
    NAMES,
    st.sampled_from(["==", ">=", "<", "~=1.", "!="]),
    VERSIONS,
)
LISTS = st.lists(REQUIREMENTS, min_size=1, max_size=6, unique_by=lambda line: line.rstrip("0123456789.=<>~!"))

WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\\<#\"'`", categories=("L", "N", "P", "S")), min_size=1
)
SHELL = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
STEPS = st.one_of(
    SHELL.map(lambda text: f"RUN {text}"),
    SHELL.map(lambda text: f"RUN --mount=type=cache,target=/c echo {text}"),
    SHELL.map(lambda text: f"RUN a && \\\n    # why\n  {text}"),
    SHELL.map(lambda text: f"RUN <<EOF\n{text}\nEOF"),
    SHELL.map(lambda text: f'RUN ["{text}"]'),
    SHELL.map(lambda text: f"run   {text}"),
    SHELL.map(lambda text: f"ENV A={text}"),
    st.just('SHELL ["python", "-c"]'),
    st.just("FROM b AS c"),
    st.just("COPY --from=c /x /y"),
    st.just("# a comment"),
    st.just(""),
)
DOCKERFILES = st.lists(STEPS, max_size=6).map(lambda steps: "\n".join(["FROM a", *steps]) + "\n")

PIECES = st.sampled_from(
    ["FROM ", "RUN ", "COPY ", "ARG ", "dependencies:", "- ", "pip:", "name: ", "six", "==", "1.0", "\n", "\n\n", "  "]
    + [
        "\t",
        "\r\n",
        "#",
        "\\",
        "\\\n",
        "<<EOF",
        "EOF",
        "--",
        "--mount=type=",
        "[",
        '"',
        "'",
        "!!int ",
        "&a ",
        "*a",
        "{",
    ]
    + [": ", "@", "://", ";", "$X", "${", "\ufeff", "é", "🐍", "\x00", "\x0b", "\u2028", "---", "...", "%", "|", ">"]
)
CELLS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=14).map("".join))


@BOUNDED
@given(CELLS, st.sampled_from([None, *FORMATS]))
def test_reading_a_cell_ends_in_an_environment_or_in_words(text: str, format: str | None) -> None:
    try:
        parsed = parse_cell(text, format)
    except UserErrorException:
        return
    spec = parsed.environment("e")._to_spec()
    packages = wanted_packages(spec)
    normalised(packages)
    if parsed.format == "dockerfile":
        check_dockerfile(parsed.dockerfile)
        assert parse_cell(parsed.dockerfile, "dockerfile") == parsed
    elif parsed.format == "pip":
        assert parse_cell("\n".join(parsed.pip), "pip").pip == parsed.pip


@BOUNDED
@given(CELLS)
def test_reading_a_dockerfile_never_fails(text: str) -> None:
    instructions = parse_dockerfile(text)
    assert [item.line for item in instructions] == sorted({item.line for item in instructions})
    for look in (base_images, context_sources, normalised_dockerfile, without_syntax_line):
        look(text)
    mounts(text, "secret")


@BOUNDED
@given(DOCKERFILES)
def test_settings_go_in_and_come_out_again(text: str) -> None:
    changed = with_settings(text, "amltrain/settings:1")
    assert without_settings(changed) == text
    before, after = parse_dockerfile(text), parse_dockerfile(changed)
    assert [(item.keyword, item.line) for item in before] == [(item.keyword, item.line) for item in after]
    assert with_settings(text, "amltrain/settings:1") == changed


@BOUNDED
@given(DOCKERFILES, st.randoms(use_true_random=False))
def test_what_means_nothing_leaves_the_normal_form_of_a_dockerfile(text: str, chance: random.Random) -> None:
    lines: list[str] = []
    inside = False  # of a step that goes on: blanks count there
    for line in text.splitlines():
        if not inside and chance.random() < 0.3:
            lines.append(chance.choice(["", "# more", "   "]))
        inside = line.endswith("\\") or "<<EOF" in line or (inside and line != "EOF" and "EOF" in text)
        lines.append(line)
    assert normalised_dockerfile("\r\n".join(lines)) == normalised_dockerfile(text)


@BOUNDED
@given(DOCKERFILES, st.data())
def test_another_step_is_another_normal_form(text: str, data: st.DataObject) -> None:
    more = data.draw(SHELL)
    assert normalised_dockerfile(f"{text}RUN x{more}\n") != normalised_dockerfile(text)
    assert normalised_dockerfile(f"{text}RUN x{more}\n") != normalised_dockerfile(f"{text}RUN x{more}y\n")


@BOUNDED
@given(LISTS, st.randoms(use_true_random=False))
def test_order_case_and_blanks_of_a_package_list_mean_nothing(lines: list[str], chance: random.Random) -> None:
    shuffled = chance.sample(lines, len(lines))
    dressed = [f"  {line.title().replace('==', ' == ')}   # {line}\n\n" for line in shuffled]
    assert _packages("".join(dressed)) == _packages("\n".join(lines))


@BOUNDED
@given(LISTS, LISTS)
def test_lists_that_differ_have_fingerprints_that_differ(one: list[str], other: list[str]) -> None:
    same = _packages("\n".join(one)) == _packages("\n".join(other))
    assert same == (_print(packages=_packages("\n".join(one))) == _print(packages=_packages("\n".join(other))))
    if {line.partition("=")[0] for line in one} != {line.partition("=")[0] for line in other}:
        assert not same


PARTS = st.fixed_dictionaries(
    {
        "bases": st.dictionaries(NAMES, NAMES, max_size=2),
        "dockerfile": st.sampled_from(["", "FROM a", "FROM b"]),
        "context": st.sampled_from(["", "1", "2"]),
        "packages": st.lists(st.sampled_from(["pip a", "pip b"]), max_size=2).map(tuple),
        "mode": st.sampled_from(["", "isolated", "layered"]),
        "platform": st.sampled_from([None, "linux/arm64"]),
    }
)


@BOUNDED
@given(PARTS, PARTS)
def test_fingerprints_are_equal_for_equal_parts_only(one: dict[str, object], other: dict[str, object]) -> None:
    def meaning(parts: dict[str, object]) -> dict[str, object]:
        bases = parts["bases"]
        assert isinstance(bases, dict)
        return {**parts, "bases": sorted(bases.values())}  # what a tag is called does not count

    assert (_print(**one) == _print(**other)) == (meaning(one) == meaning(other))


@pytest.mark.parametrize("builder", ["buildkit", "classic"])
@pytest.mark.parametrize("mode", ["isolated", "layered"])
@BOUNDED
@given(lines=LISTS, tool=st.sampled_from(["uv", "pip"]), user=st.sampled_from(["", "1000"]), python=VERSIONS)
def test_rendered_dockerfiles_can_be_read(
    builder: str, mode: str, lines: list[str], tool: str, user: str, python: str
) -> None:
    text = render_dockerfile(
        Packages(pip=tuple(lines), python=python),
        base="b:1",
        interpreter="/opt/my python/bin/python",
        user=user,
        mode=mode,
        builder=builder,
        tool=tool,
        stage="s",
    )
    check_dockerfile(text)
    assert base_images(text) == ("b:1",)
    assert len(parse_dockerfile(text)) == len(text.splitlines())


def _packages(text: str) -> tuple[str, ...]:
    parsed: CellEnvironment = parse_cell(text, "pip")
    return normalised(wanted_packages(parsed.environment("e")._to_spec()))


def _print(**parts: object) -> str:
    return fingerprint(**{"bases": {}, **parts})  # type: ignore[arg-type]
