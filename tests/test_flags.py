"""The flags and numbers that a command line takes and refuses, and what its help shows."""

import io
from contextlib import redirect_stderr
from typing import NamedTuple

import pytest

from pix2pix import flags


@pytest.fixture
def parser():
    return flags.Parser('A script.', prog='script')


#            type               takes, as                               refuses
NUMBERS = [(flags.whole,        {'0': 0, '-7': -7, str(2 ** 63 - 1): 2 ** 63 - 1}, f'{2 ** 63} 1.5 x'),
           (flags.natural,      {'1': 1, '200': 200},                   '0 -1 1.5 nan x'),
           (flags.channels,     {'1': 1, '32': 32},                     '0 33 x'),
           (flags.positive,     {'0.1': 0.1, '1e9': 1e9},               '0 -0.1 nan inf x'),
           (flags.weight,       {'0': 0.0, '0.5': 0.5, '100': 100.0},   '-0.1 nan inf x'),
           (flags.rate,         {'0': 0.0, '0.999': 0.999},             '-0.1 1 1.1 nan x'),
           (flags.probability,  {'0.001': 0.001, '1': 1.0},             '0 -0.1 1.0000001 nan x'),
           (flags.count_or_all, {'all': 'all', '1': '1', '16': '16'},   '0 -1 1.5 some'),
           (flags.choices_of(['a', 'b']), {'b': ['b'], 'b,a': ['a', 'b']}, 'c A')]


@pytest.mark.parametrize('kind, text, value', [(kind, *taken) for kind, takes, _ in NUMBERS for taken in takes.items()])
def test_what_is_within_the_bounds_is_taken(parser, kind, text, value):
    parser.add_argument('--number', type=kind)
    taken = parser.parse_args([f'--number={text}']).number
    assert taken == value and type(taken) is type(value)


@pytest.mark.parametrize('kind, text', [(kind, text) for kind, _, refuses in NUMBERS for text in refuses.split()])
def test_what_is_not_is_refused_by_the_flag_s_name(parser, capsys, kind, text):
    parser.add_argument('--number', type=kind)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([f'--number={text}'])
    error = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2 and '--number' in error and f"'{text}'" in error


def test_a_refusal_says_which_kind_of_number_is_wanted(parser, capsys):
    parser.add_argument('--number', type=flags.rate)
    with pytest.raises(SystemExit):
        parser.parse_args(['--number', '1'])
    assert "argument --number: '1' is not a number from 0 to below 1\n" in capsys.readouterr().err


def test_a_negative_number_is_no_flag_however_it_is_written(parser):
    parser.add_argument('--range', type=float, nargs=2)
    assert parser.parse_args(['--range', '-1e3', '-.5E-2']).range == [-1000, -0.005]


def refusal(parser, *args):
    """What a command line, or that of the process, is refused with: one line, and the status 2."""
    with redirect_stderr(io.StringIO()) as said, pytest.raises(SystemExit) as ended:
        parser.parse_args(args or None)
    [line] = said.getvalue().splitlines()
    assert ended.value.code == 2 and line.startswith('script: error: ')
    return line.removeprefix('script: error: ')


@pytest.fixture
def script(parser):
    parser.add_argument('folder')
    for flag in '--epochs', '--batch_size', '--learning_rate', '--l1_weight', '--name':
        parser.add_argument(flag, required=flag == '--name')
    return parser


@pytest.mark.parametrize('typed, meant', [
    ('--epoch', '--epochs'), ('--epochs_', '--epochs'), ('--batchsize', '--batch_size'), ('--Epochs', '--epochs'),
    ('--batch-size', '--batch_size'), ('--batch', '--batch_size'), ('--learnig_rate', '--learning_rate'),
    ('--hepl', '--help')])
def test_a_mistyped_or_shortened_flag_is_refused_with_the_one_that_may_be_meant(script, typed, meant):
    expected = f'{typed} is not an option; did you mean {meant}?'
    for args in [typed, '3'], [f'{typed}=3'], ['--epochs', '3', 'folder', typed, '3']:
        assert refusal(script, *args) == expected


@pytest.mark.parametrize('typed', ['--colour', '--norm', '--x'])
def test_a_flag_that_is_like_no_other_is_refused_without_a_guess(script, typed):
    assert refusal(script, 'folder', typed) == f'{typed} is not an option; --help lists them'


def test_a_flag_of_another_implementation_is_refused_with_ours(script):
    assert refusal(script, '--lr=0.1') == '--lr is not an option; give --learning_rate (docs/coming-from.md)'
    assert refusal(script, '--ngf', '8') == '--ngf is not an option; --help lists them'     # ours is not in this script


def test_what_only_looks_like_a_flag_is_taken(script):
    taken = script.parse_args(['--name=--epoch', '--batch_size=--a b', '--', '--folder'])
    assert vars(taken) == {'name': '--epoch', 'batch_size': '--a b', 'folder': '--folder', 'epochs': None,
                           'learning_rate': None, 'l1_weight': None}


@pytest.mark.parametrize('args, line', [
    (['folder'], 'the following arguments are required: --name'),
    (['folder', '--name'], 'argument --name: expected one argument'),
    (['folder', 'more', '--name', 'a'], 'unrecognized arguments: more')])
def test_other_mistakes_are_one_line_too(script, args, line):
    assert refusal(script, *args) == line


def test_the_command_line_is_read_where_no_arguments_are_given(script, monkeypatch):
    monkeypatch.setattr('sys.argv', ['script', 'folder', '--name', 'a'])
    assert script.parse_args().name == 'a'
    monkeypatch.setattr('sys.argv', ['script', 'folder', '--nmae', 'a'])
    assert refusal(script) == '--nmae is not an option; did you mean --name?'


def test_a_value_is_made_of_the_options_of_its_names():
    class Size(NamedTuple):
        width: int
        height: int
    assert flags.from_options(Size, {'height': 2, 'width': 3, 'depth': 4}) == (3, 2)


def help_of(parser):
    """The help of each flag in one line, however the terminal breaks it."""
    return [' '.join(lines.split()) for lines in parser.format_help().split('\n  --')]


def test_the_help_shows_each_default_in_its_group(parser):
    add = flags.adder(parser, 'how long')
    add('--epochs', 'in all', 200, type=flags.natural)
    add('--limit', help='at most', type=int, default=0)
    add('--name', help='of the run; 100%% free')
    add('--no_flip', help='do not mirror', action='store_true')
    assert help_of(parser)[1:] == ['epochs EPOCHS in all (200)', 'limit LIMIT at most (0)',
                                   'name NAME of the run; 100% free', 'no_flip do not mirror']
    assert 'how long:' in help_of(parser)[0]


def test_defaults_are_what_is_parsed_where_nothing_is_given(parser):
    add = flags.adder(parser, 'all')
    add('--epochs', 'in all', 200, type=flags.natural)
    add('--direction', help='of the pairs', choices=('AtoB', 'BtoA'))
    add('--no_flip', help='do not mirror', action='store_true')
    assert vars(parser.parse_args([])) == {'epochs': 200, 'direction': None, 'no_flip': False}
    given = parser.parse_args('--epochs 3 --direction BtoA --no_flip'.split())
    assert vars(given) == {'epochs': 3, 'direction': 'BtoA', 'no_flip': True}


def test_a_default_of_the_data_set_shows_in_the_help_too(parser):
    """train.py sets those of the catalogue's row once it knows the name."""
    flags.adder(parser, 'all')('--epochs', 'in all', 200, type=flags.natural)
    parser.set_defaults(epochs=300)
    assert help_of(parser)[1:] == ['epochs EPOCHS in all (300)'] and parser.parse_args([]).epochs == 300
