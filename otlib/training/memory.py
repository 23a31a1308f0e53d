"""Out of memory, said in one sentence with the mend."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from otlib.record import first_line

# How PyTorch says it; cuDNN's attention, whose graph found no room, and cuBLAS have words of their own.
SIGNS = ("out of memory", "can't allocate memory", "mha_graph.execute", "CUBLAS_STATUS_ALLOC_FAILED")


TO_TRAIN = (
    "make batch_size smaller and accumulation as much larger, max_length shorter, or set mixed_precision: bf16; "
    "and let no other training run on the same device"
)
TO_READ = "give a smaller at_once, or let no other program use the same device"


@contextmanager
def enough_memory(mend: str) -> Iterator[None]:
    """As a with block or a decorator: raise a MemoryError with the mend where a device, or the machine, has no room."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.cuda.OutOfMemoryError) and not any(sign in str(error) for sign in SIGNS):
            raise
        raise MemoryError(f"out of memory: {mend} ({first_line(error)})") from error
