"""Time and memory of a step, on a CPU or a GPU; shared by the benchmarks."""

import ctypes
import multiprocessing
import resource
import time

import torch


def seconds(step, device):
    """Of one call, after which a GPU is waited for; a CPU's are those of this process, whatever else runs beside it."""
    if torch.device(device).type != "cuda":
        start = time.process_time()
        step()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    step()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def peak_mib(step, device, first=lambda: None):
    """Memory above what was there after ``first``: of a fork of this process, or of the GPU's allocator."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return (torch.cuda.max_memory_allocated() - before) / 2**20

    def measure(sent):
        first()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        step()
        sent.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10)

    ctypes.CDLL(None).malloc_trim(0)  # what earlier steps left to the allocator would be used again, unseen
    received, sent = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=measure, args=(sent,))
    process.start()
    result = received.recv()
    process.join()
    return result
