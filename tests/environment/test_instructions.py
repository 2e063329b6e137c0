"""Reading Dockerfiles."""

from __future__ import annotations

import pytest

from jupyter_amltrain.environment.builder.instructions import (
    Instruction,
    base_images,
    check_dockerfile,
    context_sources,
    normalised_dockerfile,
    parse_dockerfile,
    with_images_named,
    without_arguments,
    without_syntax_line,
)
from jupyter_amltrain.errors import UserErrorException

TEXT = """\
# a comment
ARG BASE=python:3.11
FROM ${BASE} AS one

RUN echo a && \\
    # between
    echo b
copy --from=one --chown=1:1 a b c/
RUN <<EOF
echo in a document
EOF
"""


def test_instructions_have_their_lines() -> None:
    assert parse_dockerfile(TEXT) == (
        Instruction("ARG", "BASE=python:3.11", 2, "ARG BASE=python:3.11"),
        Instruction("FROM", "${BASE} AS one", 3, "FROM ${BASE} AS one"),
        Instruction("RUN", "echo a && echo b", 5, "RUN echo a && \\\n    # between\n    echo b"),
        Instruction("COPY", "--from=one --chown=1:1 a b c/", 8, "copy --from=one --chown=1:1 a b c/"),
        Instruction("RUN", "<<EOF\necho in a document\nEOF", 9, "RUN <<EOF\necho in a document\nEOF"),
    )


def test_a_shift_is_no_here_document() -> None:
    assert [item.line for item in parse_dockerfile("FROM x\nRUN echo $((1<<A))\nRUN b\n")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM a\n", ("a",)),
        (TEXT, ("python:3.11",)),
        (
            "ARG V\nFROM --platform=linux/arm64 a:${V:-2} AS x\nFROM x\nFROM scratch\nCOPY --from=b:1 / /\n",
            ("a:2", "b:1"),
        ),
        ("FROM a AS x\nRUN --mount=type=bind,from=c,target=/c true\nCOPY --from=0 / /\n", ("a", "c")),
    ],
)
def test_base_images(text: str, images: tuple[str, ...]) -> None:
    assert base_images(text) == images


def test_what_comes_from_the_context() -> None:
    text = (
        'FROM a\nCOPY a b/*.py /x/\nADD ["with blank", "/y"]\nADD https://x/y /z\nCOPY --from=a b c\n'
        "RUN --mount=type=bind,source=r.txt,target=/r true\nCOPY <<EOF /f\ntext\nEOF\n"
    )
    assert context_sources(text) == ((2, "a"), (2, "b/*.py"), (3, "with blank"), (6, "r.txt"))


def test_normalised_text_is_equal_for_equal_builds() -> None:
    assert normalised_dockerfile("FROM a\n\n# why\nRUN b \\\n  c\n") == normalised_dockerfile("from a\nRUN b c")
    assert normalised_dockerfile("FROM a\nRUN b\n") != normalised_dockerfile("FROM a\nRUN B\n")
    assert normalised_dockerfile("# escape=`\nFROM a\n") != normalised_dockerfile("FROM a\n")


def test_the_stock_syntax_line_is_left_out_and_said() -> None:
    text, note = without_syntax_line("# syntax=docker/dockerfile:1.4\nFROM a\n")
    assert (text, "1.4" in note) == ("#\nFROM a\n", True)
    own = "# syntax=example.com/frontend:1\nFROM a\n"
    assert without_syntax_line(own) == (own, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n", "no FROM line"),
        ("ARG A\n", "no FROM line"),
        ("\nCOPY a b\n", "line 2: COPY stands before"),
        ("FROM\n", "line 1: FROM names no image"),
        ("FROM a\n\nCPOY a b\n", r"line 3: unknown instruction 'CPOY'; did you mean COPY\?"),
    ],
)
def test_what_no_builder_takes_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserErrorException, match=message):
        check_dockerfile(text)


def test_declarations_are_left_out_and_lines_keep_their_numbers() -> None:
    text = "ARG A=1 \\\n  HTTP_PROXY\nFROM x\nARG HTTP_PROXY=http://p\nARG B\nRUN echo $A\n"
    assert without_arguments(text, frozenset({"HTTP_PROXY"})) == "ARG A=1\n\nFROM x\n\nARG B\nRUN echo $A\n"
    assert without_arguments(text, frozenset({"C"})) == text


def test_images_get_other_names_where_they_are_started_or_copied_from() -> None:
    text = (
        "ARG A=sha256:ab\nFROM --platform=linux/amd64 sha256:ab AS x\nCOPY --from=sha256:ab /a /a\n"
        "RUN --mount=type=bind,from=sha256:ab,target=/b echo sha256:ab sha256:abc\nFROM p@sha256:ab\nFROM sha256:abc\n"
    )
    assert with_images_named(text, {"sha256:ab": "n:1"}) == (
        "ARG A=n:1\nFROM --platform=linux/amd64 n:1 AS x\nCOPY --from=n:1 /a /a\n"
        "RUN --mount=type=bind,from=n:1,target=/b echo sha256:ab sha256:abc\nFROM p@sha256:ab\nFROM sha256:abc\n"
    )
    assert with_images_named(text, {}) == text
