"""What goes together by its name: what the rules match, and what they refuse to guess."""

import pytest

from datasets.match import match
from pix2pix.errors import UserError


def pairs(lefts, rights, **patterns):
    return match(lefts, rights, **patterns).pairs


# Equal names.

def test_equal_names_in_equal_sub_folders_go_together_whatever_their_endings():
    found = match(['1.png', 'sub/2.jpg', 'sub/3.jpg'], ['1.bmp', '2.png', 'sub/3.webp'])
    assert found.pairs == {'1': ('1.png', '1.bmp'), 'sub/3': ('sub/3.jpg', 'sub/3.webp')}
    assert found.rule == 'equal names'


def test_of_two_endings_of_one_name_the_first_is_taken_and_the_other_is_named():
    found = match(['1.png', '1.tif'], ['1.png'])
    assert found.pairs == {'1': ('1.png', '1.png')}
    assert found.left.doubles == [('1.tif', '1.png')] and found.right.doubles == []


def test_letter_case_is_ignored_where_no_name_is_equal():
    found = match(['Case.PNG', 'IMG_2.JPG'], ['case.png', 'img_2.png'])
    assert found.pairs == {'Case': ('Case.PNG', 'case.png'), 'IMG_2': ('IMG_2.JPG', 'img_2.png')}
    assert found.rule == 'equal names, letter case ignored'
    assert pairs(['A.png', 'a.png'], ['a.png', 'b.png']) == {'a': ('a.png', 'a.png')}
    with pytest.raises(UserError, match='no rule matches'):         # two of A would be one
        match(['Ab.png', 'aB.png'], ['ab.png', 'c.png'])


# A part of each side's own.

@pytest.mark.parametrize('lefts, rights, stems, rule', [
    (['photo_A.jpg'], ['photo_B.jpg'], ['photo'], '*_A in A with *_B in B, where * is equal'),
    (['1_A.jpg', '2_A.jpg'], ['1_B.png', '2_B.png'], ['1', '2'], '*_A in A with *_B in B, where * is equal'),
    (['1.jpg', '2.jpg'], ['1_mask.png', '2_mask.png'], ['1', '2'], '* in A with *_mask in B, where * is equal'),
    (['cat (rgb).jpg', 'car (rgb).jpg'], ['cat (map).jpg', 'car (map).jpg'], ['car', 'cat'],
     '* (rgb) in A with * (map) in B, where * is equal'),
    (['left_01.jpg', 'left_02.jpg'], ['right_01.jpg', 'right_02.jpg'], ['01', '02'],
     'left_* in A with right_* in B, where * is equal'),
    (['rgb0001.png', 'rgb0002.png'], ['depth0001.png', 'depth0002.png'], ['0001', '0002'],
     'rgb* in A with depth* in B, where * is equal'),
    (['001a.png', '002a.png'], ['001b.png', '002b.png'], ['001', '002'], '*a in A with *b in B, where * is equal'),
    (['sub/x_leftImg8bit.png', 'y_leftImg8bit.png'], ['sub/x_gtFine_color.png', 'y_gtFine_color.png'], ['sub/x', 'y'],
     '*_leftImg8bit in A with *_gtFine_color in B, where * is equal'),
    (['X_photo.png', 'y_photo.png'], ['x_label.png', 'Y_label.png'], ['X', 'y'],
     '*_photo in A with *_label in B, where * is equal, letter case ignored')])
def test_a_part_that_all_names_of_a_side_share_is_found(lefts, rights, stems, rule):
    found = match(lefts, rights)
    assert found.rule == rule and list(found.pairs) == stems
    assert sorted(found.pairs.values()) == sorted(zip(lefts, rights))


def test_an_image_too_many_on_one_side_is_left_alone():
    assert pairs(['1_A.png', '2_A.png', '3_A.png'], ['1_B.png', '3_B.png']) == {
        '1': ('1_A.png', '1_B.png'), '3': ('3_A.png', '3_B.png')}


def test_equal_names_come_before_parts():
    assert pairs(['1_A.png', '2_A.png'], ['1_A.png', '2_A.png', '3_A.png']) == {
        f'{i}_A': (f'{i}_A.png', f'{i}_A.png') for i in (1, 2)}


@pytest.mark.parametrize('lefts, rights', [
    (['x.png'], ['y.png']),
    (['cat_left.png'], ['dog_right.png']),
    (['scan_1.png'], ['scan_2.png']),                                           # a number is no part of a side
    (['1_1.png', '2_1.png'], ['1_2.png', '2_2.png']),
    (['img_1.png', 'img_2.png'], ['img_11.png', 'img_12.png']),                 # no number is cut
    (['cat.png', 'car.png'], ['bat.png', 'bar.png']),                           # nor is a word
    (['a/1.png', 'a/2.png'], ['b/1.png', 'b/2.png']),
    (['1_left.png', '2_left.png'], ['1_gt_color.png', '1_gt_ids.png', '2_gt_color.png', '2_gt_ids.png'])])
def test_what_no_rule_matches_is_refused_in_one_line_with_names_and_options(lefts, rights):
    with pytest.raises(UserError) as refused:
        match(lefts, rights)
    message = str(refused.value)
    assert message.startswith('no rule matches the names of A (') and '\n' not in message
    assert lefts[0] in message and rights[0] in message and '--a ' in message and '--b ' in message


def test_numbers_that_meet_by_chance_are_refused_with_the_options_that_would_join_them():
    """Horses and zebras are no pairs, though some have the same number behind the name of their class."""
    lefts, rights = ['n02_7.jpg', 'n02_8.jpg', 'n02_12.jpg'], ['n05_8.jpg', 'n05_9.jpg', 'n05_31.jpg', 'n05_7.jpg']
    with pytest.raises(UserError) as refused:
        match(lefts, rights)
    assert str(refused.value) == ('n02_* in A with n05_* in B matches only 2 of 3 images and of 4, which may be '
                                  "chance. If it is right, give --a 'n02_*' --b 'n05_*'")
    assert pairs(lefts, rights, a='n02_*', b='n05_*') == {'7': ('n02_7.jpg', 'n05_7.jpg'),
                                                          '8': ('n02_8.jpg', 'n05_8.jpg')}


def test_two_ways_to_match_are_refused_with_both():
    with pytest.raises(UserError) as refused:
        match(['x_a_b.png'], ['x_c.png', 'x_a_c.png'])
    assert str(refused.value) == ('the names can be matched in more than one way: *_b with *_c, or *_a_b with *_c. '
                                  'Say which with --a and --b')


# Patterns.

LABELS = ['1_gt_color.png', '1_gt_ids.png', 'sub/2_gt_color.png', 'sub/2_gt_ids.png']


@pytest.mark.parametrize('a', [None, '*_left.png', '*_left'])
@pytest.mark.parametrize('b', ['*_gt_color.png', '*_gt_color'])
def test_a_pattern_says_which_images_of_a_side_count(a, b):
    found = match(['1_left.png', 'sub/2_left.png'], LABELS, a=a, b=b)
    assert found.pairs == {'1': ('1_left.png', '1_gt_color.png'),
                           'sub/2': ('sub/2_left.png', 'sub/2_gt_color.png')}
    assert (found.left.others, found.right.others) == (0, 2)


def test_a_pattern_beside_plain_names():
    assert pairs(['1.jpg', 'sub/2.jpg'], LABELS, b='*_gt_ids.png') == {
        '1': ('1.jpg', '1_gt_ids.png'), 'sub/2': ('sub/2.jpg', 'sub/2_gt_ids.png')}


def test_a_pattern_with_a_slash_is_that_of_the_whole_name():
    names = ['one/depth.png', 'one/rgb.png', 'two/depth.png', 'two/rgb.png']
    assert pairs(names, names, a='*/rgb.png', b='*/depth.png') == {
        'one': ('one/rgb.png', 'one/depth.png'), 'two': ('two/rgb.png', 'two/depth.png')}


def test_other_signs_of_a_pattern_stand_for_themselves():
    assert pairs(['1[a].png', '1a.png'], ['1?.png', '12.png'], a='*[a].png', b='*?.png') == {
        '1': ('1[a].png', '1?.png')}


def test_letter_case_of_a_pattern_is_ignored_where_nothing_matches_otherwise():
    found = match(['X_Photo.JPG'], ['x_label.png'], a='*_photo.jpg', b='*_label.png')
    assert found.pairs == {'X': ('X_Photo.JPG', 'x_label.png')} and found.rule.endswith(', letter case ignored')


def test_a_pattern_that_nothing_matches_is_named():
    with pytest.raises(UserError, match=r'no image of B matches \*_colour; its names are 1_gt_color.png, 1_gt_ids.png, '
                                        r'sub/2_gt_color.png, ...$'):
        match(['1_left.png'], LABELS, b='*_colour')


def test_what_a_star_stands_for_stays_in_the_folder_that_is_written():
    assert pairs(['photo/a/1.png', 'photo/a/2.png'], ['label/a/1.png', 'label/a/2.png'], a='photo/a*',
                 b='label/a*') == {i: (f'photo/a/{i}.png', f'label/a/{i}.png') for i in '12'}
    assert pairs(['x/1/photo.png'], ['x/1/label.png'], a='x/*photo', b='x/*label') == {
        '1': ('x/1/photo.png', 'x/1/label.png')}
    with pytest.raises(UserError, match='no image of A matches'):        # else a file without a name
        pairs(['p/a/1.png'], ['q/a/1.png'], a='p/a*1.png', b='q/a*1.png')
