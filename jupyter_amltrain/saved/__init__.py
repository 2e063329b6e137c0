"""A run as text and as HTML that need no kernel and no script, for the notebook that is opened later, elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..workspace import Workspace

__all__ = ["run_bundle", "run_html", "run_text"]


def run_html(workspace: Workspace, run_id: str) -> str:
    """The run as of now as HTML: less than 200 kB without script, style sheet and links, for light and dark.

    Raises:
        NameNotFoundException: there is no such run.
    """
    from .contents import saved_run
    from .page import render_html

    return render_html(saved_run(workspace, run_id))


def run_text(workspace: Workspace, run_id: str) -> str:
    """The run as of now in at most 60 lines of text.

    Raises:
        NameNotFoundException: there is no such run.
    """
    from .contents import saved_run
    from .story import render_text

    return render_text(saved_run(workspace, run_id))


def run_bundle(workspace: Workspace, run_id: str) -> dict[str, str]:
    """Both, under their MIME types, as an output of a notebook holds them; the run is looked at once.

    Raises:
        NameNotFoundException: there is no such run.
    """
    from .contents import saved_run
    from .page import render_html
    from .story import render_text

    run = saved_run(workspace, run_id)
    return {"text/plain": render_text(run), "text/html": render_html(run)}
