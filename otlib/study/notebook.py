"""Execute one notebook with papermill; whatever goes wrong is one line for the terminal."""

import ast
import math
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otlib.record import first_line, shown, write_text
from otlib.study.kernels import kernel_manager_class


class NotebookError(RuntimeError):
    """A notebook could not be run to its end; the message is one line for the terminal."""


def run_notebook(
    notebook: str | Path, out: str | Path, parameters: Mapping[str, str], *, cell_timeout: int | None = None
) -> Path:
    """Execute a notebook into ``out``, which appears only when every cell has succeeded.

    While it runs, and after a failure, the copy so far is ``<out>.partial.ipynb``.

    Parameters
    ----------
    notebook, out : path
        Source notebook and executed copy.
    parameters : mapping of str to str
        Texts for the parameters cell; each becomes the type of the literal that stands there.
    cell_timeout : int, optional
        Seconds that a cell may take.

    Raises
    ------
    NotebookError
        If a parameter is unknown or of the wrong type, or a cell fails or takes too long: cell and error in one line.
    """
    papermill = _papermill()
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    notebook, out = Path(notebook).resolve(), Path(out).resolve()
    if not notebook.is_file():
        raise NotebookError(f"failed: there is no notebook {shown(notebook)}")
    partial = out.with_suffix(".partial.ipynb")
    plain, copy = (str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, partial))  # no placeholders
    try:
        values = _typed(notebook.name, papermill.inspect_notebook(plain), parameters)
        out.parent.mkdir(parents=True, exist_ok=True)
        _set_kernel_environment()
        papermill.execute_notebook(
            plain,
            copy,
            values,
            kernel_name="python3",
            kernel_manager_class=kernel_manager_class(),
            shutdown_kernel="immediate",  # all that it wrote is written
            execution_timeout=cell_timeout,
            start_timeout=600,  # of a first kernel on a busy machine, which waits for the imports
            progress_bar=False,
            coalesce_streams=True,  # keeps the last state of each progress bar
            stderr_file=Progress(out.stem),
            cwd=notebook.parent,
        )
        _tidy(partial, notebook, out)
    except NotebookError:
        raise
    except papermill.PapermillExecutionError as error:
        what = f"failed in cell [{error.exec_count}]: {error.ename}: {first_line(error.evalue)}"
    except CellTimeoutError:
        limit = f"it took longer than workflow.cell_timeout, {cell_timeout} s"
        what = f"failed in cell [{_cells_begun(partial)}]: {limit}; raise it, or give the cell less to do"
    except DeadKernelError:
        what = (
            f"failed: DeadKernelError in cell [{_cells_begun(partial)}] of {notebook.name}: its kernel died, most "
            "likely ended by the system for want of memory; use fewer CORES or a smaller batch_size"
        )
    except Exception as error:
        what = f"failed: {type(error).__name__}: {first_line(error)}"
    else:
        return out
    so_far = f" (so far: {shown(partial)})" if partial.exists() else ""
    raise NotebookError(f"{what}{so_far}")


def _cells_begun(partial: Path) -> int:
    import nbformat

    cells = nbformat.read(partial, nbformat.NO_CONVERT).cells
    return sum(cell.cell_type == "code" and bool(cell.metadata.papermill["start_time"]) for cell in cells)


def _papermill():
    """Papermill, imported only where a notebook is run: it takes a second."""
    # And another second for what its JSON checker would use for web addresses, if it were there. No notebook does.
    sys.modules.setdefault("rfc3987_syntax", None)
    import papermill

    return papermill


def _typed(notebook: str, known: Mapping[str, dict], parameters: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, text in parameters.items():
        if name not in known:
            raise NotebookError(f"failed: {notebook} has no parameter {name!r}, only {', '.join(known)}")
        kind = type(ast.literal_eval(known[name]["default"]))
        try:
            values[name] = _PARSERS.get(kind, ast.literal_eval)(text)
            if isinstance(values[name], float) and not math.isfinite(values[name]):
                raise ValueError
        except (KeyError, ValueError, SyntaxError):
            reason = f"parameter {name} must be {kind.__name__}, got {text!r}"
            raise NotebookError(f"failed: {notebook}: {reason}") from None
    return values


_PARSERS = {str: str, int: int, float: float, bool: {"true": True, "false": False}.__getitem__}


def _set_kernel_environment():
    """One thread, unless the environment says how many, so that a notebook computes the same on any machine.

    The tokenizers library keeps to as many. And nobody looks at the kernel, even if a notebook has called this: there
    are no widgets, which an executed copy cannot hold (:func:`otlib.training.bars.shows_widgets`).
    """
    os.environ["RAYON_NUM_THREADS"] = os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("JPY_SESSION_NAME", None)


def _tidy(partial: Path, notebook: Path, out: Path):
    """Keep no path of this machine in the executed copy, and give it its name."""
    import nbformat

    executed = nbformat.read(partial, nbformat.NO_CONVERT)
    executed.metadata.papermill.update(input_path=shown(notebook), output_path=shown(out))
    write_text(partial, nbformat.writes(executed))
    os.replace(partial, out)


BAR = re.compile(r"\| +\d\S*/\d\S* \[\d[^]]*(\S/s|s/\w+)\b")  # of tqdm: 3/9 [00:05<00:10, 1.7s/step, loss=0.1]


class Progress:
    """Text file that shows a kernel's progress bars as lines, a few a minute, each with the job's name."""

    def __init__(self, name: str, *, pause: float = 10.0, stream=None):
        self._name, self._pause, self._stream = name, pause, stream or sys.stderr
        self._last, self._ended = -pause, ""

    def write(self, text: str):
        bars = [line.strip() for line in text.replace("\r", "\n").split("\n") if BAR.search(line)]
        if not bars:
            return
        ended = bars[-1].partition("100%|")[0] if "100%|" in bars[-1] else ""
        if time.monotonic() - self._last >= self._pause or ended != self._ended:
            self._last = time.monotonic()
            self._stream.write(f"{self._name} | {bars[-1]}\n")
        self._ended = ended

    def flush(self):
        self._stream.flush()
