from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from jupyter_amltrain.errors import UserErrorException
from jupyter_amltrain.magics.answers import plain_errors


@pytest.mark.parametrize(
    ("raised", "words"),
    [(UserErrorException("no such thing"), "no such thing"), (KeyboardInterrupt(), "Interrupted.")],
)
def test_what_is_raised_on_purpose_and_the_stop_button_are_told_in_words(raised: BaseException, words: str) -> None:
    @plain_errors
    def magic(line: str) -> None:
        raise raised

    with pytest.raises(UsageError) as caught:
        magic("")
    assert str(caught.value) == words


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    @plain_errors
    def magic(line: str) -> None:
        raise KeyError(line)

    with pytest.raises(KeyError):
        magic("x")
