"""What every test shares: one thread each, and nothing from the network."""

import os
import resource
import shutil
import sys
from contextlib import contextmanager

import pytest

# Before torch or tokenizers are imported, and inherited by the kernels that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Grammars of web addresses, which cost two seconds wherever nbformat is imported, and no notebook needs.
sys.modules.setdefault("rfc3987_syntax", None)
# Before triton is imported: without a GPU its programs run in its interpreter.
if not any(map(os.path.exists, ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg"))):
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture
def disk_with_room_for():
    """``with disk_with_room_for(size)``: no file may grow beyond ``size`` bytes, as on a disk that is full."""

    @contextmanager
    def full(size):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return full


@pytest.fixture(scope="session")
def bare_kernels(tmp_path_factory):
    """The file that forks kernels, in a place where it finds no notebooks whose imports to do."""
    from otlib.study import kernels

    path = tmp_path_factory.mktemp("no notebooks") / "otlib/study/kernels.py"
    path.parent.mkdir(parents=True)
    shutil.copy(kernels.__file__, path)
    return str(path)


@pytest.fixture(scope="session")
def bare_process(bare_kernels):
    """The address at which a process forks kernels that have imported nothing."""
    from otlib.study import kernels

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "__file__", bare_kernels)
        with kernels.warm_kernels():
            patch.undo()
            yield os.environ.pop(kernels.ADDRESS, "")  # none but on Linux


@pytest.fixture
def forked_kernels(bare_process, monkeypatch):
    """Kernels are forks, which start in a third of the time."""
    monkeypatch.setenv("OTLIB_KERNELS", bare_process)
