"""Hidden states of a middle layer, without the layers above it."""

from torch import Tensor, nn

from otlib.training.words import WordBatch, hidden_states


class _Reached(Exception):
    """Ends a forward pass."""


def hidden_state(model, batch: WordBatch, layer: int) -> Tensor:
    """Hidden state (B, L, d) of a layer, that of :func:`otlib.training.words.hidden_states`: 0 is the embeddings.

    What a layer is given is the hidden state before it, so that the forward pass ends there. Of an encoder that has not
    one list of its layers (ALBERT's are one layer), all of it is run.
    """
    depth = model.config.num_hidden_layers
    stacks = [part for part in model.modules() if isinstance(part, nn.ModuleList) and len(part) == depth]
    if layer == depth or len(stacks) != 1:
        return hidden_states(model, batch, [layer])[0]
    given = []

    def end(_, inputs, named):
        given.append(inputs[0] if inputs else named["hidden_states"])
        raise _Reached

    hook = stacks[0][layer].register_forward_pre_hook(end, with_kwargs=True)
    try:
        model(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    except _Reached:
        pass
    finally:
        hook.remove()
    return given[0]
