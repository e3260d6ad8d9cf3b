"""Which image of A belongs to which image of B, by their names alone.

A pattern has one *, which stands for what the two names share. Equal names, in equal sub-folders, go together. Where
there are none, each side may have a part of its own, before or behind what is shared: photo_A.jpg and photo_B.jpg.
"""

import itertools
import os
import shlex
from typing import NamedTuple

from pix2pix.errors import UserError, count


class Side(NamedTuple):
    """The images of one side that match a pattern."""
    pattern: str
    names: dict         # what * stands for -> name of the image
    doubles: list       # (name that is left out, name with the same *)
    others: int         # images that do not match


class Matches(NamedTuple):
    pairs: dict         # name of the pair, without ending -> (name in A, name in B)
    left: Side
    right: Side
    rule: str           # by which they were matched, in words


def match(lefts, rights, *, a=None, b=None):
    """The names of two sides -> Matches. `a` and `b` are the patterns, where they are given.

    Letter case is ignored where nothing matches otherwise. UserError where no rule matches, or more than one.
    """
    patterns_a, patterns_b = [a] if a else ['*', *own_parts(lefts)], [b] if b else ['*', *own_parts(rights)]

    # Equal names, or what the patterns say.
    for fold in False, True:
        left, right = side(lefts, patterns_a[0], fold), side(rights, patterns_b[0], fold)
        if left.names.keys() & right.names.keys() and not (fold and (left.doubles or right.doubles)):
            return matches(left, right, fold)

    # A part of each side's own. It counts if all images of one side have a partner, else it may be chance.
    best = 0, '', ''
    for fold in False, True:
        found = {}
        for left, right in itertools.product([side(lefts, pattern, fold) for pattern in patterns_a],
                                             [side(rights, pattern, fold) for pattern in patterns_b]):
            if left.doubles or right.doubles:
                continue
            shared = left.names.keys() & right.names.keys()
            best = max(best, (len(shared), left.pattern, right.pattern), key=lambda found: found[0])
            if shared and len(shared) == min(len(left.names), len(right.names)):
                found.setdefault(frozenset((left.names[key], right.names[key]) for key in shared), (left, right))
        if len(found) > 1:
            ways = ', or '.join(f'{left.pattern} with {right.pattern}' for left, right in found.values())
            raise UserError(f'the names can be matched in more than one way: {ways}. Say which with --a and --b')
        if found:
            return matches(*found.popitem()[1], fold)
    for letter, names, pattern in ('A', lefts, a), ('B', rights, b):
        if pattern and not side(names, pattern, fold=True).names:
            raise UserError(f'no image of {letter} matches {pattern}; its names are {some(names)}')
    raise UserError(unmatched(lefts, rights, best))


def side(names, pattern, fold):
    """The Side of these names; with `fold`, letter case is ignored."""
    found, doubles, others = {}, [], 0
    for name in names:
        key = star(name, pattern, fold)
        key = key.casefold() if key and fold else key
        if key is None:
            others += 1
        elif found.setdefault(key, name) != name:
            doubles.append((name, found[key]))
    return Side(pattern, found, doubles, others)


def star(name, pattern, fold=False):
    """What * stands for, or None: the pattern is that of a whole name where it has a /, else of a file in any folder.

    The ending may be left out of the pattern. Then it is left out of * too. A / at its end is none of its own, or it
    would lead out of the folder that is written.
    """
    folder, file = ('', name) if '/' in pattern else os.path.split(name)
    before, _, behind = (pattern.lower() if fold else pattern).partition('*')
    for text in os.path.splitext(file)[0], file:
        seen = text.lower() if fold else text
        shared = text[len(before):len(text) - len(behind)].strip('/')
        if seen.startswith(before) and seen.endswith(behind) and len(text) > len(before) + len(behind) and shared:
            return os.path.join(folder, shared)
    return None


def own_parts(names):
    """Patterns that all these names match, the shortest first: whole words before or behind *, no number alone."""
    stems = [os.path.splitext(os.path.basename(name))[0] for name in names]
    return sorted([part + '*' for part in beginnings(stems)]
                  + ['*' + part[::-1] for part in beginnings([stem[::-1] for stem in stems])], key=len)


def beginnings(stems):
    """What all stems begin with, cut where a word ends: behind a separator, or between a letter and a number."""
    common = os.path.commonprefix(stems)
    for n in range(1, len(common) + 1):
        part, rest = common[:n], {stem[n:n + 1] for stem in stems}
        ends = not part[-1].isalnum() or part[-1].isalpha() and all(map(str.isdigit, rest))
        if ends and any(map(str.isalpha, part)) and all(map(str.isalnum, rest)):
            yield part


def matches(left, right, fold):
    pairs = {star(left.names[key], left.pattern, fold): (left.names[key], right.names[key])
             for key in sorted(left.names.keys() & right.names.keys())}
    rule = 'equal names' if left.pattern == right.pattern == '*' else \
        f'{left.pattern} in A with {right.pattern} in B, where * is equal'
    return Matches(pairs, left, right, rule + (', letter case ignored' if fold else ''))


def unmatched(lefts, rights, best):
    """Why no rule matches, with the options that would: `best` is (images, pattern of A, of B)."""
    images, a, b = best
    if images:
        return (f'{a} in A with {b} in B matches only {images:,} of {count(len(lefts), "image")} and of '
                f'{len(rights):,}, which may be chance. If it is right, give --a {shlex.quote(a)} --b {shlex.quote(b)}')
    return (f'no rule matches the names of A ({some(lefts)}) with those of B ({some(rights)}). Give patterns in '
            "which * is what two names share, such as --a '*_photo.jpg' --b '*_label.png'")


def some(names):
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
