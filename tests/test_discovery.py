"""Who the replicas are: by TF_CONFIG, by Slurm, or by nothing at all."""

import os

import pytest

from pix2pix.distributed import discovery
from pix2pix.errors import UserError


@pytest.mark.parametrize('environment, expected', [
    ({}, ([], 0)),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}'},
     (['a:1', 'b:2'], 1)),
    ({'TF_CONFIG': '{"cluster": {"worker": ["b:2"], "chief": ["a:1"]}, "task": {"type": "worker", "index": 0}}'},
     (['a:1', 'b:2'], 1)),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'}, ([], 0)),
    ({'TF_CONFIG': '{}'}, ([], 0)),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}'},
     'this is task 2 of 2'),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1"], "ps": ["b:2"]}, "task": {"type": "ps", "index": 0}}'},
     'names the job ps. There'),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1", "b:2"]}}'}, 'does not say which'),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1", "b"]}, "task": {"index": 0}}'}, 'has the address b: give host:port'),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1", "b:65536"]}, "task": {"index": 0}}'}, 'the address b:65536: give'),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1", ":2"]}, "task": {"index": 0}}'}, 'the address :2: give host'),
    ({'TF_CONFIG': '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"index": 0}}'}, 'has the address a:1 twice'),
    ({'TF_CONFIG': 'no json'}, 'TF_CONFIG does not describe'),
    ({'SLURM_STEP_NUM_TASKS': '4', 'SLURM_PROCID': '2', 'SLURM_STEP_NODELIST': 'n[1-2]',
      'SLURM_STEP_TASKS_PER_NODE': '2(x2)'}, (['n1:8888', 'n1:8889', 'n2:8888', 'n2:8889'], 2)),
    ({'SLURM_STEP_NUM_TASKS': '2', 'SLURM_PROCID': '1', 'SLURM_STEP_NODELIST': 'n[9-10]', 'SLURMD_NODENAME': 'n10',
      'SLURM_STEP_TASKS_PER_NODE': '1(x2)'}, 'task 1 runs on n10'),
    ({'SLURM_STEP_NUM_TASKS': '2'}, 'SLURM_.*does not describe')])
def test_who_the_replicas_are(environment, expected, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if isinstance(expected, str):
        with pytest.raises(UserError, match=expected):
            discovery.from_environment()
    else:
        assert discovery.from_environment() == expected


def test_hosts_of_several_devices_each(monkeypatch):
    assert discovery.addresses_per_device(['a:1', 'b:7'], 1, 2) == (['a:1', 'a:2', 'b:7', 'b:8'], range(2, 4))
    monkeypatch.setattr(os, 'cpu_count', lambda: 8)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda process: range(6))
    assert discovery.cores_of(['a:1', 'a:2', 'b:7'], 0) == 4
    assert discovery.cores_of(['a:1', 'a:2', 'b:7'], 2) == 6        # that this process is bound to
