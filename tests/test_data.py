"""What a run's options leave to its data."""

import json

import pytest

from pix2pix.run import data
from pix2pix.run.folder import Run


@pytest.mark.parametrize('saved, names, accept, step, expected', [
    ([], 'a', True, 7, []),                                 # the data are the same
    ([[3, 5]], 'a', True, 7, [[3, 5]]),
    ([], 'b', False, 7, []),                                # others, which will be refused
    ([], 'b', True, 7, [[7, 9]]),
    ([[3, 5]], 'b', True, 7, [[3, 5], [7, 9]]),
    ([[7, 5]], 'b', True, 7, [[7, 5]]),                     # twice since a step was done: it was of the first
    ([[3, 5], [7, 6]], 'b', True, 4, [[3, 5], [4, 6]]),     # the newest checkpoints are gone
    ([[7, 6]], 'a', True, 4, [[4, 6]])])                    # and nothing else has changed
def test_changes_of_the_data_are_kept_with_the_step_and_the_number_of_pairs_until_then(
        tmp_path, saved, names, accept, step, expected):
    run = Run(str(tmp_path))
    assert data.changes(run, names, accept=True) == []      # a run that is not there yet
    (tmp_path / 'options.json').write_text(json.dumps({'images': 9, 'names': 'a', 'data_changes': saved}))
    for path in f'model-{step}.index', f'model-{step}.data-00000-of-00001':
        (tmp_path / path).touch()
    assert data.changes(run, names, accept=accept) == expected
