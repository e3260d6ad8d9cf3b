"""The paper: layers, networks, losses and the training step. This room imports nothing of ours."""
