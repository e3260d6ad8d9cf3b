"""The figures of benchmarks/results/, a file for each kind of machine, and docs/benchmarks.md, written from them."""

import glob
import json
import os
import re
import statistics

import jinja2


def machines(folder):
    """{path: results}."""
    found = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), '*.json'))):
        with open(path) as file:
            found[path] = json.load(file)
    return found


def save(results, path):
    """As JSON, with a line for each list of numbers and for each object that holds no other."""
    text = re.sub(r'\{[^{}]*\}|\[[^][{}]*\]', lambda match: ' '.join(match[0].split()), json.dumps(results, indent=1))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text + '\n')


def write(folder, path, sections):
    """Write the page of all results in a folder. `sections` are the names of all that can be measured."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(os.path.dirname(__file__)), trim_blocks=True,
                                     undefined=jinja2.StrictUndefined, lstrip_blocks=True, keep_trailing_newline=True)
    found = {os.path.basename(name).removesuffix('.json'): results for name, results in machines(folder).items()}
    text = environment.get_template('page.md').render(
        machines=found, gpus=list(machines(os.path.join(folder, 'gpu')).values()), sections=list(sections),
        **{function.__name__: function for function in (
            spread, seeds, best, aim, beside_share, anchor, for_each_precision, step_ratio, folder_ratio, single_ratio,
            memory_ratio, testing_ratio, seconds, gpu_rows, gpu_ratio)})
    with open(path, 'w') as file:
        file.write(text)


def spread(figure, form='.2f'):
    """'median (lowest-highest)'."""
    middle, low, high = (format(value, form) for value in figure)
    return f'{middle} ({low}-{high})'


def seeds(values, form):
    """'mean (each of them)'."""
    return f'{statistics.mean(values):{form}} ({", ".join(format(value, form) for value in values)})'


def theirs(rows):
    """The rows of PyTorch."""
    return {name: row for name, row in rows.items() if name.startswith('PyTorch')}


def best(rows):
    """(name, row) of PyTorch's fastest."""
    return max(theirs(rows).items(), key=lambda item: item[1]['images_per_second'][0])


def for_each_precision(measured, section, ratio):
    """What `ratio` gives for the rows of a section in each precision, or that they were not measured."""
    rows = {}
    for figures in measured.get(section, {'figures': []})['figures']:
        rows.setdefault(figures['setting']['precision'], []).append(figures['rows'])
    return ', '.join(f'{ratio(*rows[precision]):.2f} {precision}' for precision in rows) or 'not measured'


def step_ratio(rows):
    return rows['ours']['ratio'][0]


def memory_ratio(rows):
    beyond = {name: row['mib'] - row['imported'] for name, row in rows.items()}
    return beyond['ours'] / min(theirs(beyond).values())


def folder_ratio(single, four, sixteen):
    """Ours at batch 4 over PyTorch's best of all batch sizes, by their limits: they did not meet the same minutes."""
    return four['ours']['limit'][0] / max(best(rows)[1]['limit'][0] for rows in (single, four, sixteen))


def single_ratio(single, four, sixteen):
    return max(row['ratio'][0] for name, row in single.items() if name not in theirs(single))


def testing_ratio(measured):
    figures = measured.get('testing', {}).get('figures')
    return f'{figures["test.py"][0] / figures["four at a time"][0]:.2f}' if figures else 'not measured'


def seconds(measured, name):
    figures = measured.get('starting', {'figures': {}})['figures']
    return f'{figures[name][0]:.0f} s' if name in figures else 'not measured'


def anchor(heading):
    """Of a heading, as GitHub makes it."""
    return re.sub(r'[^a-z0-9 _-]', '', heading.lower()).replace(' ', '-')


def aim(measured, wanted, form='.2f', at_most=False):
    """What was measured, a number or a figure, and what was aimed at, in bold where it is missed."""
    is_figure = isinstance(measured, list)
    value = measured[0] if is_figure else measured
    text = f'{spread(measured, form) if is_figure else format(value, form)}, aim {wanted:{form}}'
    return text if (value <= wanted if at_most else value >= wanted) else f'**{text}**'


def beside_share(figures):
    """What train.py does beside its steps, as a share of their time, in five epochs of 400 pairs by the defaults."""
    often = {'log': 50, 'sample': 5, 'page': 5, 'save': 1}
    return sum(times * figures[name][0] for name, times in often.items()) / (500 * figures['step'][0])


def gpu_rows(gpu):
    """(what, kind, ours, PyTorch's) of the timings of a GPU: 'step, batch 4', 'TF32', and images/s of both."""
    for what, check in gpu['checks'].items():
        for name, ours in check['figures'].items() if what.startswith(('step', 'generator')) else ():
            who, kind = name.split(', ', 1)
            if who == 'ours':
                yield what.removesuffix(', compiled'), kind, ours, check['figures'][f'PyTorch, {kind}']


def gpu_ratio(gpu, what):
    """Our fastest over PyTorch's fastest, whatever the precision: '2.47 (bfloat16, compiled)'."""
    rows = [(kind, ours[0], theirs[0]) for name, kind, ours, theirs in gpu_rows(gpu) if name == what]
    if not rows:
        return 'not measured'
    kind, ours, _ = max(rows, key=lambda row: row[1])
    return f'{ours / max(theirs for *_, theirs in rows):.2f} ({kind})'
