"""Where the time of a training step goes, op by op, from TensorFlow's own trace."""

import collections
import math
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
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
    """The multiplications and additions of an op of the graph, or None where it is no convolution or product."""
    def size(tensor):
        return math.prod(tensor.shape.as_list())
    if op.type == 'Conv2D':
        return 2 * size(op.outputs[0]) * size(op.inputs[1]) / op.inputs[1].shape[3] / 1e9
    if op.type == 'Conv2DBackpropInput':
        return 2 * size(op.inputs[2]) * size(op.inputs[1]) / op.inputs[1].shape[3] / 1e9
    if op.type == 'Conv2DBackpropFilter':
        return 2 * size(op.inputs[2]) * size(op.outputs[0]) / op.outputs[0].shape[3] / 1e9
    if 'MatMul' in op.type:
        transposed = op.get_attr('transpose_a' if op.type == 'MatMul' else 'adj_x')
        return 2 * size(op.outputs[0]) * op.inputs[0].shape[-2 if transposed else -1] / 1e9
    return None


def traced(precision, rounds, batch_size=4, size=256, base_filters=64):
    """[[op, shape of its result, how many, seconds of them all, GFLOP of them all or None]], the longest first.

    The shortest time of each op in so many steps.
    """
    sys.path[:0] = [ROOT]
    import pix2pix  # noqa: F401
    # isort: split
    import tensorflow.compat.v1 as tf

    from pix2pix import devices
    from pix2pix.model import build_model
    tf.disable_eager_execution()
    source, target = (tf.get_variable(name, initializer=tf.random_uniform([batch_size, size, size, 3], -1, 1))
                      for name in ('source', 'target'))
    model = build_model(source, target, base_filters=base_filters, precision=precision)
    sess, graph = tf.Session(config=devices.session_config()), tf.get_default_graph()
    sess.run(tf.global_variables_initializer())
    names, shortest, shapes = {op.name: op for op in graph.get_operations()}, {}, {}
    for number in range(2 + rounds):
        record = tf.RunMetadata()
        sess.run([model.train_op, model.losses, model.norms], run_metadata=record,
                 options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE))
        for node in (node for device in record.step_stats.dev_stats if number >= 2 for node in device.node_stats):
            kind = node.timeline_label.split('=')[-1].split('(')[0].strip().replace('_Mkl', '').replace('Native', '')
            shape = [dim.size for dim in node.output[0].tensor_description.shape.dim] if node.output else []
            seconds = (node.op_end_rel_micros - node.op_start_rel_micros) / 1e6
            shortest[node.node_name] = min(seconds, shortest.get(node.node_name, seconds))
            shapes[node.node_name] = kind, tuple(shape)
    groups = collections.defaultdict(lambda: [0, 0, 0])
    for name, seconds in shortest.items():
        group = groups[shapes[name]]
        work = gflop(names[name]) if name in names else None
        group[0] += 1
        group[1] += seconds
        group[2] = None if work is None or group[2] is None else group[2] + work
    return sorted(([kind, shape, *group] for (kind, shape), group in groups.items()), key=lambda row: -row[3])


def kinds(rows):
    """Rows of traced(): kind -> seconds, the longest first."""
    total = collections.Counter()
    for op, _, _, seconds, _ in rows:
        total[next(kind for part, kind in KINDS if part in op)] += seconds
    return dict(total.most_common())
