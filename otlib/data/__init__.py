"""Everything that is read or made before training: text, items of the tasks, the embedded world."""
