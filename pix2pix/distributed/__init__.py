"""Several replicas of one training: who they are, how they are started, what they agree on, and who is gone.

A replica is a process with a device of its own. All run the same graph, each on its share of the batch, and
TensorFlow's collective ops give all of them the same means.
"""
