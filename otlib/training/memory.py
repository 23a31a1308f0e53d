"""Out of memory, said in one sentence with the mend."""

from collections.abc import Iterator
from contextlib import contextmanager

from otlib.record import first_line

# What Accelerate does not know of: cuDNN's attention, whose graph found no room, and cuBLAS.
SIGNS = ("mha_graph.execute", "CUBLAS_STATUS_ALLOC_FAILED")

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
        from accelerate.utils.memory import should_reduce_batch_size  # takes a second, and is seldom needed

        if not should_reduce_batch_size(error) and not any(sign in str(error) for sign in SIGNS):
            raise
        raise MemoryError(f"out of memory: {mend} ({first_line(error)})") from error
