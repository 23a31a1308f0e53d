"""What every test shares: one thread each, and nothing from the network."""

import os
import resource
from contextlib import contextmanager

import pytest

# Before torch or tokenizers are imported, and inherited by the kernels that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
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
