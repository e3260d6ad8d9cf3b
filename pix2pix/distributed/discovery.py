"""Which replicas there are and which of them this process is: from TF_CONFIG, or from Slurm."""

import os

from tensorflow.compat.v1.distribute.cluster_resolver import SlurmClusterResolver, TFConfigClusterResolver

from pix2pix import devices
from pix2pix.errors import UserError


def from_environment():
    """(addresses, index): host:port of every replica, and which of them this is; ([], 0) alone."""
    try:
        if os.environ.get('TF_CONFIG'):
            return from_tf_config(TFConfigClusterResolver())
        if int(os.environ.get('SLURM_STEP_NUM_TASKS', 1)) > 1:
            return from_slurm()
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        name = 'TF_CONFIG' if os.environ.get('TF_CONFIG') else 'SLURM_*'
        raise UserError(f'{name} does not describe the tasks ({type(error).__name__}: {error})') from None
    return [], 0


def from_tf_config(resolver):
    jobs, job, index = resolver.cluster_spec().as_dict(), resolver.task_type or 'worker', int(resolver.task_id or 0)
    if not jobs:
        return [], 0
    order = [name for name in ('chief', 'master', 'worker') if name in jobs]
    unknown = sorted((set(jobs) | {job}) - set(order))
    if unknown:
        raise UserError(f'TF_CONFIG names the job {", ".join(unknown)}. There is no such job here: every task trains, '
                        'and is a worker (or the chief)')
    addresses = [address for name in order for address in jobs[name]]
    if len(addresses) > 1 and resolver.task_id is None:
        raise UserError('TF_CONFIG does not say which of the tasks this is: give "task" its "type" and "index"')
    if not 0 <= index < len(jobs[job]):
        raise UserError(f'TF_CONFIG says that this is task {index} of {len(jobs[job])} {job}s')
    for address in addresses:
        name, _, port = address.rpartition(':')
        if not name or not port.isdecimal() or not 0 < int(port) < 2 ** 16:
            raise UserError(f'TF_CONFIG has the address {address}: give host:port')
        if addresses.count(address) > 1:
            raise UserError(f'TF_CONFIG has the address {address} twice: each task needs its own')
    index += sum(len(jobs[name]) for name in order[:order.index(job)])
    return (addresses, index) if len(addresses) > 1 else ([], 0)


def from_slurm():
    # The GPUs of a task are Slurm's to choose (--gpus-per-task=1); the resolver divides by their number.
    resolver = SlurmClusterResolver(gpus_per_node=2 ** 10, gpus_per_task=1, auto_set_gpu=False)
    addresses, index = resolver.cluster_spec().as_dict()['worker'], resolver.get_task_info()[1]
    node = os.environ.get('SLURMD_NODENAME', host(addresses[index]))
    if node != host(addresses[index]):      # it sorts node10 before node9, Slurm does not
        raise UserError(f'SLURM_*: task {index} runs on {node}, but the order of the names puts it on '
                        f'{host(addresses[index])}. Name the tasks in TF_CONFIG')
    return addresses, index


def host(address):
    return address.rpartition(':')[0]


def cores_of(addresses, index):
    """The cores of this host for each of its replicas, or those that this process is bound to, if these are fewer."""
    here = sum(host(address) == host(addresses[index]) for address in addresses)
    return min(devices.cores(), max(1, os.cpu_count() // here))


def addresses_per_device(addresses, index, number):
    """One address a host -> `number` of them, on the ports from there on: (addresses, indices of this host's)."""
    hosts = [address.rpartition(':') for address in addresses]
    return ([f'{name}:{int(port) + i}' for name, _, port in hosts for i in range(number)],
            range(index * number, index * number + number))
