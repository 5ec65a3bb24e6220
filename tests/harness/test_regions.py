import numpy as np

from mlsyscore.harness.regions import HARD, cases


def test_cases_come_in_groups_of_which_some_are_harder():
    counts = {"north": 900, "east": 800, "south": 700}
    scores, true, groups = cases(3, counts, 4)
    assert scores.shape == (2400, 4)
    assert {g: groups.count(g) for g in counts} == counts
    assert set(true) == set(range(4))
    mine = scores[np.arange(2400), true]
    for g in counts:
        of = mine[np.array(groups) == g]
        assert abs(of.mean() - HARD[g]) < 5 * HARD[g] / np.sqrt(len(of))
    assert groups[:900] != ["north"] * 900  # in no order
    again = cases(3, counts, 4)
    assert np.array_equal(again[0], scores)
    assert again[1:] == (true, groups)
