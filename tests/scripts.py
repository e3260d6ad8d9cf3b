"""The scripts as processes, on networks of base width 1, and what a run has left."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time

import numpy as np
import tensorflow.compat.v1 as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TINY = '--base_filters 1 --batch_size 3 --log_every 1 --samples 2 --save_every 1 --validate_every 1 --name tiny'.split()


def start(cwd, script, *args, **variables):
    """The script as a process in its own folder, with nothing on the terminal but what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith('TF_')} | variables
    return subprocess.Popen([sys.executable, os.path.join(ROOT, script), *args], cwd=cwd, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(process, status=0):
    """What a process says up to its end."""
    output = process.communicate(timeout=300)[0]
    assert process.returncode == status, output
    return output


FORKS = multiprocessing.get_context('forkserver')
FORKS.set_forkserver_preload(['pix2pix.quiet', 'tests.scripts'])


def run(cwd, script, *args, status=0):
    """As start() and finished(), but forked from a process that has TensorFlow in it. This saves the five seconds of
    importing it. Python's own end is left out: atexit, and waiting for threads."""
    if tf.config.list_physical_devices('GPU'):      # CUDA does not survive a fork
        return finished(start(cwd, script, *args), status)
    with tempfile.TemporaryDirectory() as folder:
        said, command = os.path.join(folder, 'said.txt'), [os.path.join(ROOT, script), *map(str, args)]
        open(said, 'w').close()
        process = FORKS.Process(target=become, args=(said, cwd, dict(os.environ), command))
        here = os.getcwd()
        os.chdir(ROOT)      # where the first of all finds the modules
        try:
            process.start()
        finally:
            os.chdir(here)
        try:
            process.join(timeout=300)
        finally:
            process.kill()
        with open(said) as file:
            output = file.read()
    assert process.exitcode == status, output
    return output


def become(said, cwd, environment, command):
    file = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = command
    runpy.run_path(command[0], run_name='__main__')


def wait_for(condition, process, seconds=120):
    """Until the condition holds; an error where the process ends before, or the seconds do."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < end, process.communicate()[0]
        time.sleep(0.001)


def wait_for_metrics(cwd, process, lines=1):
    """Until the run has so many lines of metrics."""
    metrics = cwd / 'checkpoints/tiny/metrics.jsonl'
    wait_for(lambda: metrics.exists() and len(metrics.read_text().splitlines()) >= lines, process)


def variables(cwd):
    """All variables and optimiser slots of the newest checkpoint, and its step."""
    step = max(int(p.stem.removeprefix('model-')) for p in (cwd / 'checkpoints/tiny').glob('*.index'))
    return variables_of(cwd / f'checkpoints/tiny/model-{step}'), step


def variables_of(prefix):
    """All variables and optimiser slots of one checkpoint."""
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_run(one, other):
    """The same variables, slots, step, samples and metrics, to the bit."""
    (a, step), (b, again) = variables(one), variables(other)
    assert step == again and a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    metrics = [(cwd / 'checkpoints/tiny/metrics.jsonl').read_bytes() for cwd in (one, other)]
    assert metrics[0] == metrics[1]
    samples = [sorted((cwd / 'samples/tiny').glob('*.png')) for cwd in (one, other)]
    assert [p.name for p in samples[0]] == [p.name for p in samples[1]]
    assert all(p.read_bytes() == q.read_bytes() for p, q in zip(*samples))
