"""Out of memory reaches the user as one sentence, whoever noticed it first."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from otlib.settings import Training
from otlib.study.run import main
from otlib.training.memory import enough_memory
from otlib.training.trainer import train

SAID = [
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB",
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate",
    'Error in call to cuDNN: "mha_graph.execute(handle, variant_pack, workspace_ptr.get()).is_good()" ',
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
]


@pytest.mark.parametrize("said", SAID)
def test_a_step_without_room_says_what_to_change(said, tmp_path):
    def objective(model, batch):
        raise RuntimeError(said)

    with pytest.raises(MemoryError, match="^out of memory: make batch_size smaller .*bf16") as refusal:
        train(nn.Linear(2, 2), DataLoader([torch.ones(2)]), objective, Training(steps=1), folder=tmp_path)
    assert said[:30] in str(refusal.value) and "\n" not in str(refusal.value)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes differ"), enough_memory("nothing helps"):
        raise RuntimeError("shapes differ")


def test_memory_that_a_real_allocation_lacks_is_recognised():
    with pytest.raises(MemoryError, match="out of memory: buy more"), enough_memory("buy more"):
        torch.empty(2**60)


def test_the_command_line_says_it_in_one_line(monkeypatch, capsys):
    def fills(options):
        raise MemoryError("out of memory: make batch_size smaller")

    monkeypatch.setattr("otlib.study.run._align_command", fills)
    assert main(["align", "--study", "demo", "--method", "wordot"]) == 1
    assert capsys.readouterr().err == "out of memory: make batch_size smaller\n"
