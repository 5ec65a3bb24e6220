"""The books of a paged cache: what the ledger plays, sees and refuses."""

import pytest

from mlsyscore.harness.paging import Ledger, streamed


class Books:
    """Right, by searching all tables for who has a block."""

    def __init__(self, blocks, size):
        self.blocks, self.size, self.made, self.all = blocks, size, 0, {}

    def take(self, count):
        used = {b for table, _ in self.all.values() for b in table}
        free = [b for b in range(self.blocks) if b not in used]
        if count > len(free):
            raise MemoryError
        return free[:count]

    def alloc(self, n):
        blocks = self.take(-(-n // self.size))
        self.made += 1
        self.all[self.made] = [blocks, n]
        return self.made

    def append(self, seq):
        table, n = self.all[seq]
        source = None
        if n % self.size == 0:
            table += self.take(1)
        elif self.shared(table[-1]):
            (new,) = self.take(1)
            source, table[-1] = table[-1], new
        self.all[seq][1] += 1
        return table[-1], source

    def shared(self, block):
        return sum(block in table for table, _ in self.all.values()) > 1

    def fork(self, seq):
        table, n = self.all[seq]
        self.made += 1
        self.all[self.made] = [[*table], n]
        return self.made

    def free(self, seq):
        del self.all[seq]

    def table(self, seq):
        return self.all[seq][0]


class NoCopy(Books):
    def shared(self, block):
        return False


class Spares(Books):
    def take(self, count):
        return super().take(count + (count > 1))[:-1] if count > 1 else [0]


class Silent(Books):
    def append(self, seq):
        try:
            return super().append(seq)
        except MemoryError:
            return self.all[seq][0][-1], None


class Forgets(Books):
    def free(self, seq):
        self.all.pop(seq, None)


class Strange(Books):
    def fork(self, seq):
        return super().fork(seq) + 0.5


class Outside(Books):
    def take(self, count):
        return [b + self.blocks for b in super().take(count)]


class Overlaps(Books):
    def take(self, count):
        super().take(count)
        return list(range(count))


class CopiesAlways(Books):
    def shared(self, block):
        return True


class Hoards(Books):
    def fork(self, seq):
        table, n = self.all[seq]
        self.made += 1
        self.all[self.made] = [table, n]  # the same list
        return self.made


class Same(Books):
    def alloc(self, n):
        super().alloc(n)
        return 1


class Leaks(Books):
    def free(self, seq):
        self.all[-seq] = self.all.pop(seq)


@pytest.mark.parametrize(("blocks", "size"), [(1, 1), (6, 1), (5, 3), (12, 4), (9, 16)])
@pytest.mark.parametrize("seed", range(3))
def test_right_books_pass_and_meet_a_full_cache(blocks, size, seed):
    assert streamed("right", Books, blocks, size, seed, 150) > 0


def test_a_block_is_copied_where_it_is_shared_and_not_full():
    books = Ledger("by hand", Books, 8, 4)
    one = books.alloc(6)
    two = books.fork(one)
    assert books.used() == 2
    assert books.append(two)
    assert books.used() == 3
    assert books.append(one)  # alone with the old block now
    assert books.used() == 3
    assert books.table(one)[0] == books.table(two)[0]
    assert books.table(one)[1] != books.table(two)[1]
    books.free(one)
    assert books.used() == 2


def test_full_is_full_and_changes_nothing():
    books = Ledger("by hand", Books, 2, 4)
    assert books.alloc(9) is None
    one = books.alloc(8)
    assert not books.append(one)
    assert books.used() == 2


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (NoCopy, "last block is shared and not full, so something must be copied"),
        (Silent, "MemoryError is to be raised; you return"),
        (Forgets, "KeyError is to be raised; you return None"),
        (Strange, "an id is a whole number or a string"),
        (Outside, r"blocks are 0 to 11, not 12"),
        (CopiesAlways, "not shared and not full, so nothing is to be copied"),
        (Leaks, "there is room, and it raises MemoryError"),
        (Spares, "values are expected|not what was written|tables name"),
    ],
)
def test_wrong_books_are_seen_and_what_is_wrong_is_said(kind, said):
    with pytest.raises(AssertionError, match=said):
        streamed("wrong", kind, 12, 4, 0, 400)


def test_a_block_of_another_is_seen_by_what_is_read():
    books = Ledger("overlap", Overlaps, 4, 2)
    books.alloc(2)
    with pytest.raises(
        AssertionError, match="token 0 of sequence 1, in block 0, is not"
    ):
        books.alloc(2)


def test_an_id_is_given_once():
    books = Ledger("same id", Same, 4, 2)
    books.alloc(1)
    with pytest.raises(AssertionError, match="a living sequence has the id 1 already"):
        books.alloc(1)


def test_blocks_that_two_tables_should_not_share_are_counted():
    books = Ledger("one list", Hoards, 4, 2)
    two = books.fork(books.alloc(1))
    with pytest.raises(AssertionError, match="tables name 1 blocks, 2 suffice"):
        books.append(two)


def test_a_dead_sequence_is_asked_for_at_once():
    class Undead(Books):
        def table(self, seq):
            return self.all[seq][0] if seq in self.all else []

    books = Ledger("undead", Undead, 4, 2)
    with pytest.raises(AssertionError, match=r"table\(1\).*KeyError is to be raised"):
        books.free(books.alloc(1))


def test_an_answer_that_is_not_there_is_not_a_wrong_one():
    class Empty(Books):
        def alloc(self, n):
            raise NotImplementedError

    with pytest.raises(NotImplementedError):
        Ledger("none", Empty, 3, 3).alloc(1)


def test_the_log_is_short_and_says_the_last_calls():
    books = Ledger("log", Books, 9, 2)
    one = books.alloc(1)
    for _ in range(10):
        books.append(one)
    assert books._said("next") == (
        "log, after Pager(9, 2); ...; append(1); append(1); append(1); append(1); "
        "append(1); next"
    )
