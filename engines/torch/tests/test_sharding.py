"""Which rows each rank takes in which round."""

import random

from whetstone_torch.sharding import Unit, plan_rounds


def cells(rows, lengths):
    return len(rows) * max(lengths[row] for row in rows)


def test_every_row_once_groups_together_and_budgets_kept():
    draw = random.Random(2)
    for _ in range(300):
        ranks, budget = draw.randrange(1, 5), draw.randrange(20, 200)
        units, lengths = [], {}
        for _ in range(draw.randrange(0, 12)):
            rows = tuple(range(len(lengths), len(lengths) + draw.randrange(1, 4)))
            own = tuple(draw.randrange(1, 120) for _ in rows)
            lengths |= dict(zip(rows, own))
            units.append(Unit(rows, own))
        rounds = plan_rounds(units, ranks, budget)
        seen = [row for shares in rounds for share in shares for row in share]
        assert sorted(seen) == sorted(lengths)
        group_of = {row: index for index, unit in enumerate(units) for row in unit.rows}
        for shares in rounds:
            assert len(shares) == ranks
            for share in shares:
                groups = {group_of[row] for row in share}
                assert sorted(share) == sorted(row for index in groups for row in units[index].rows)
                if len(groups) > 1:
                    assert cells(share, lengths) <= budget


def test_ranks_get_their_share_of_tokens():
    draw = random.Random(4)
    for _ in range(100):
        lengths = [draw.randrange(1, 500) for _ in range(draw.randrange(4, 40))]
        rounds = plan_rounds([Unit((i,), (n,)) for i, n in enumerate(lengths)], 4, 1000)
        loads = [sum(lengths[row] for shares in rounds for row in shares[rank]) for rank in range(4)]
        # Longest first: no rank is ahead by more than the last unit that it got.
        assert max(loads) - min(loads) <= max(lengths)


def test_fewer_rows_than_ranks_leave_some_without():
    rounds = plan_rounds([Unit((0,), (9,))], 3, 100)
    assert rounds == [[[0], [], []]]
    assert plan_rounds([], 3, 100) == []
