"""Where the time of a training step goes, op by op, from TensorFlow's own trace."""

import collections
import math
import os
import sys

from peers import HERE

WARM_UP = 2         # steps that do not count
LONGEST = 16
#        part of the op's name     what it is; the first that fits
KINDS = [('Conv2DBackpropFilter', 'filter gradients'),
         ('Conv2DBackpropInput',  'input gradients and transposed convolutions'),
         ('Conv2D',               'convolutions'),
         ('MatMul',               'matrix products'),
         ('Adam',                 'Adam'),
         ('BatchNorm',            'batch norm'),
         ('Cast',                 'casts'),
         ('Relu',                 'ReLUs'),
         ('L2Loss',               'norms of the gradients'),
         *[(name, 'copies') for name in ('Slice', 'Split', 'Concat', 'Pack', 'Unpack', 'Pad', 'Transpose', 'Space')],
         ('Add',                  'sums and differences'), ('Sub', 'sums and differences'),
         ('',                     'the rest')]


def gflop(op):
    """The multiplications and additions of an op of the graph, or None where it is no convolution or product.

    Those of a convolution, and of its two gradients, are two for each value of the smaller image and each weight that
    makes it.
    """
    def size(tensor):
        return math.prod(tensor.shape.as_list())
    if op.type == 'BiasAdd':        # where Grappler has fused it with the convolution before it, the name is this
        op = op.inputs[0].op
    image_and_weights = {'Conv2D': lambda: (op.outputs[0], op.inputs[1]),
                         'Conv2DBackpropInput': lambda: (op.inputs[2], op.inputs[1]),
                         'Conv2DBackpropFilter': lambda: (op.inputs[2], op.outputs[0])}
    if op.type in image_and_weights:
        image, weights = image_and_weights[op.type]()
        return 2 * size(image) * size(weights) / weights.shape[3] / 1e9
    if 'MatMul' in op.type:
        transposed = op.get_attr('transpose_a' if op.type == 'MatMul' else 'adj_x')
        return 2 * size(op.outputs[0]) * op.inputs[0].shape[-2 if transposed else -1] / 1e9
    return None


def traced(precision, rounds, batch_size=4, size=256, base_filters=64):
    """The shortest time of each op in so many steps: {'kinds': as kinds(), 'longest': the first LONGEST of all rows
    [op, shape of its result, how many, seconds of them all, GFLOP of them all or None], the longest first}."""
    sys.path[:0] = [os.path.dirname(HERE)]
    import pix2pix  # noqa: F401
    # isort: split
    import tensorflow.compat.v1 as tf

    from pix2pix import devices
    from pix2pix.model.training_step import build_model
    tf.disable_eager_execution()
    source, target = (tf.get_variable(name, initializer=tf.random_uniform([batch_size, size, size, 3], -1, 1))
                      for name in ('source', 'target'))
    model = build_model(source, target, base_filters=base_filters, precision=precision)
    sess, graph = tf.Session(config=devices.session_config()), tf.get_default_graph()
    sess.run(tf.global_variables_initializer())
    built, shortest, row_of = {op.name: op for op in graph.get_operations()}, {}, {}
    for number in range(WARM_UP + rounds):
        record = tf.RunMetadata()
        sess.run([model.train_op, model.losses, model.norms], run_metadata=record,
                 options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE))
        if number < WARM_UP:
            continue
        for node in (node for device in record.step_stats.dev_stats for node in device.node_stats):
            kind = node.timeline_label.split('=')[-1].split('(')[0].strip().replace('_Mkl', '').replace('Native', '')
            shape = [dim.size for dim in node.output[0].tensor_description.shape.dim] if node.output else []
            seconds = (node.op_end_rel_micros - node.op_start_rel_micros) / 1e6
            shortest[node.node_name] = min(seconds, shortest.get(node.node_name, seconds))
            row_of[node.node_name] = kind, tuple(shape)
    rows = collections.defaultdict(list)
    for name, seconds in shortest.items():
        computes = 'Conv' in row_of[name][0] or 'MatMul' in row_of[name][0]
        rows[row_of[name]].append((seconds, gflop(built[name]) if computes and name in built else None))
    summed = [[kind, shape, len(times), sum(times), None if None in work else sum(work)]
              for (kind, shape), (times, work) in ((row, zip(*values)) for row, values in rows.items())]
    summed.sort(key=lambda row: -row[3])
    return {'kinds': kinds(summed), 'longest': summed[:LONGEST]}


def kinds(rows):
    """Rows: kind -> seconds, the longest first; 0 for what is not among them."""
    total = collections.Counter(dict.fromkeys((kind for _, kind in KINDS), 0))
    for op, _, _, seconds, _ in rows:
        total[next(kind for part, kind in KINDS if part in op)] += seconds
    return dict(total.most_common())
