"""The method: words as vectors, objectives, one training loop."""
