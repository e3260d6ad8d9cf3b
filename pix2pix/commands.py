"""The commands of an installed package, such as pix2pix-train. Each runs its script as `python train.py` does.

The scripts lie in a folder of the package, which is on the path of this process alone: in an environment `datasets` is
the name of another package, and `test` of a part of Python.
"""

import os
import runpy
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
INSTALLED = os.path.join(HERE, 'scripts')
SCRIPTS = INSTALLED if os.path.isdir(INSTALLED) else os.path.dirname(HERE)     # there after pip install -e


def run_script(name):
    runpy.run_path(os.path.join(SCRIPTS, name), run_name='__main__')


def run_tool(module):
    runpy.run_module(module, run_name='__main__', alter_sys=True)


def command(run, what):
    def start():
        sys.path.insert(0, SCRIPTS)
        os.environ.setdefault('PIX2PIX_DATASETS', 'datasets')       # not among the installed packages
        run(what)
    return start


train, test = command(run_script, 'train.py'), command(run_script, 'test.py')
check, combine = command(run_tool, 'datasets.check'), command(run_tool, 'datasets.combine')
split, download = command(run_tool, 'datasets.split'), command(run_tool, 'datasets.download')
