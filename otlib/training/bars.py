"""Progress bars: a widget in JupyterLab, a line of text elsewhere."""

import os
from importlib.util import find_spec

from tqdm import tqdm


def progress_bar(**options):
    """A bar of tqdm with these options. Where papermill runs a notebook it is text, which the terminal can show."""
    if shows_widgets():
        from tqdm.notebook import tqdm as widget

        return widget(**options)
    return tqdm(**options)


def shows_widgets() -> bool:
    """Whether a person looks at this kernel: Jupyter's server names its notebook to it, papermill has no server."""
    return "JPY_SESSION_NAME" in os.environ and find_spec("ipywidgets") is not None
