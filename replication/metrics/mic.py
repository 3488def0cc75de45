"""The maximal information coefficient (MIC) of any number of pairs of samples at once."""

import math
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import NamedTuple

import torch
from torch import Tensor

from replication.metrics.checks import Validate

# Numbers held at a time, per intermediate tensor. On a CPU a chunk should stay in the caches; on an accelerator fewer,
# larger kernels matter more, and the limit only bounds memory.
_CHUNK_CPU = 2**19
_CHUNK_ACCELERATOR = 2**27

# Column ends worked on at a time. One at a time takes the fewest operations, many at a time the fewest kernels.
_TILE_CPU = 1
_TILE_ACCELERATOR = 64

# A table of at most so many numbers replaces several lookups by one, and stays in the caches.
_TABLE = 2**14


def mic(x: Tensor, y: Tensor, alpha: float = 0.5, c: float = 10.0, *, validate: Validate = None) -> Tensor:
    """MIC of each pair of samples, (..., n) and (..., n) to (...), in [0, 1]: near 0 where they are independent, near 1
    where one is a function of the other, given enough points.

        MIC = max over grids of rows x columns <= B of  I(grid) / log min(rows, columns),   B = max(n^alpha, 4)

    with I the mutual information of the n points binned by the grid. As in ApproxMaxMI (Reshef et al., Science 334,
    2011, supplement), the rows hold equally many points each, as far as equal values allow, and the columns are the
    best there are by dynamic programming; then the axes change places. Where the rows divide the points, in the order
    of the other axis, into more than c x columns runs, the runs are first joined into that many groups of equal size.

    For n = 49 and alpha = 0.5, B is 7: grids of 2 x 2, 2 x 3 and 3 x 2, and identical samples score .99970, since 49
    points do not halve. A constant scores 0. Only the order of the values and their equality matter: any strictly
    increasing map of either sample changes nothing, and nor does exchanging the two. Scores equal those of minepy's
    estimator "mic_approx".

    x, y: floating-point, all values finite, n at least 2, on one device; any leading shape. Float64 inside; the result
        is float64 if either is, else float32. It has no gradient: it is constant wherever it is continuous.
        The score of a pair does not depend, in any bit, on the rest of its batch.
    alpha, c: in (0, 1], and positive. minepy's defaults are .6 and 15, SMIC uses .5 and 10.
    validate: whether values are checked to be finite: True, False, or None, which checks them on the CPU only, since
        on an accelerator the host would wait for the answer.
    Raises ValueError naming the argument and what was wanted.
    """
    _check(x, y, alpha, c, validate)
    precision = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    n, chunk, tile = x.shape[-1], _CHUNK_ACCELERATOR, _TILE_ACCELERATOR
    if _values_at_hand(x):
        chunk, tile = _CHUNK_CPU, _TILE_CPU
    grids = _grids(n, alpha, c)
    gains = [_Gains(grid.rows, n, x.device) for grid in grids]
    ends = [grid.clumps + 1 for grid in grids]
    held = [(grid.rows + grid.columns) * end * min(tile, end) for grid, end in zip(grids, ends, strict=True)]
    pairs = max(1, chunk // (2 * max(4 * (n + 1), *held)))
    with torch.no_grad():
        first, second = (sample.reshape(-1, n).to(precision) for sample in (x, y))
        scores = [first.new_zeros(0)]
        for start in range(0, len(first), pairs):
            part = slice(start, start + pairs)
            scores.append(_mic(first[part], second[part], grids, gains, tile))
        return torch.cat(scores).to(precision).view(x.shape[:-1])


def _values_at_hand(tensor: Tensor) -> bool:
    """True if reading values is immediate: on an accelerator the host would wait for all that is queued before."""
    return tensor.device.type == "cpu"


class _Grid(NamedTuple):
    """The largest grid of so many rows, and how many clumps its columns may be made of."""

    rows: int
    columns: int
    clumps: int


def _grids(n: int, alpha: float, c: float) -> list[_Grid]:
    """Grids with the most columns for each number of rows from 2 to B / 2; fewer columns are their by-product."""
    most = max(n**alpha, 4.0)
    shapes = [(rows, int(most / rows)) for rows in range(2, int(most / 2) + 1)]
    return [_Grid(rows, columns, min(max(int(c * columns), 1), n)) for rows, columns in shapes]


def _check(x: Tensor, y: Tensor, alpha: float, c: float, validate: Validate) -> None:
    for name, sample in (("x", x), ("y", y)):
        if not isinstance(sample, Tensor) or not sample.is_floating_point():
            found = sample.dtype if isinstance(sample, Tensor) else type(sample).__name__
            raise ValueError(f"{name} must be a floating-point tensor of shape (..., n), got {found}")
    if x.shape != y.shape:
        raise ValueError(f"x and y must have the same shape (..., n), got {tuple(x.shape)} and {tuple(y.shape)}")
    if x.ndim == 0 or x.shape[-1] < 2:
        raise ValueError(f"x and y must have at least 2 values along their last dimension, got shape {tuple(x.shape)}")
    if x.device != y.device:
        raise ValueError(f"x and y must be on one device, got {x.device} and {y.device}")
    check_settings(alpha, c)
    if validate is None:
        validate = _values_at_hand(x)
    for name, sample in (("x", x), ("y", y)):
        if validate and not sample.isfinite().all():
            raise ValueError(f"{name} contains NaN or infinity; every value must be a finite number")


def check_settings(alpha: float, c: float) -> None:
    """Raise ValueError unless `mic` takes these settings."""
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must be in (0, 1], got {alpha}")
    if not 0 < c < math.inf:
        raise ValueError(f"c must be positive and finite, got {c}")


def _mic(x: Tensor, y: Tensor, grids: list[_Grid], gains: list["_Gains"], tile: int) -> Tensor:
    """Scores, float64, (N,), of (N, n) pairs. Both ways round are done at once, as a batch of 2 N."""
    number, n = x.shape
    values, order = torch.cat((x, y)).sort(dim=-1)
    rank = torch.empty_like(order).scatter_(-1, order, torch.arange(n, device=x.device).expand_as(order))
    rank = rank.roll(number, 0).gather(-1, order)  # in the order of one sample, the place in the order of the other
    ties = _Groups.of(values[:, 1:] != values[:, :-1])
    best = torch.zeros(2 * number, dtype=torch.float64, device=x.device)
    for grid, gain in zip(grids, gains, strict=True):
        row = torch.zeros_like(rank)
        for cut in ties.equal_parts(grid.rows).roll(number, 0)[:, 1:-1].unbind(1):
            row += rank >= cut[:, None]
        ends = _Groups.of(_clump_splits(row, ties)).at_most(grid.clumps)
        counts = torch.stack([_running(row == r).gather(-1, ends) for r in range(grid.rows)])
        information = _information(counts.int().transpose(1, 2).contiguous(), gain, grid.columns, tile) / n
        # More columns never carry less information, so fewer are of interest only where that lowers the divisor.
        for columns in {grid.columns, *range(2, min(grid.rows, grid.columns))}:
            best = torch.maximum(best, information[columns - 2] / math.log(min(grid.rows, columns)))
    return torch.maximum(best[:number], best[number:])


@dataclass(frozen=True)
class _Groups:
    """Groups of neighbours among n points in a row. A place q is the gap after q points, 0 to n.

    splits: whether a group ends at each of the places 1 to n - 1, (N, n - 1); the last group ends at n.
    ended: how many groups end at or before each place, (N, n + 1).
    ends: the places where groups end, (N, n + 2): 0, then in order, filled up with n.
    """

    splits: Tensor
    ended: Tensor
    ends: Tensor

    @classmethod
    def of(cls, splits: Tensor) -> "_Groups":
        number, n = len(splits), splits.shape[1] + 1
        is_end = torch.cat((splits, splits.new_ones(number, 1)), dim=1)
        ended = _running(is_end)
        ends = ended.new_full((number, n + 2), n)
        ends[:, 0] = 0
        # Places that are no ends are written to the last slot, which is then corrected.
        places = torch.arange(1, n + 1, device=splits.device).expand(number, n)
        ends.scatter_(1, ended[:, 1:].masked_fill(~is_end, n + 1), places)
        ends[:, -1] = n
        return cls(splits, ended, ends)

    @cached_property
    def below(self) -> Tensor:
        """The last end at or before each place, (N, n + 1)."""
        return self.ends.gather(1, self.ended)

    @cached_property
    def above(self) -> Tensor:
        """The first end after each place, n for n, (N, n + 1)."""
        return self.ends.gather(1, self.ended + 1)

    @cached_property
    def _nearest(self) -> Tensor:
        """The end nearest to h / 2, the earlier of two, for h from 0 to 2 n: (N, 2 n + 1).

        An end is at least as near as the one before it is where h / 2 lies beyond the middle between them.
        """
        n = self.splits.shape[1] + 1
        middle_passed = self.splits.new_zeros((len(self.splits), 2 * n + 1))
        middle_passed.scatter_(1, self.ends[:, :-2] + self.ends[:, 1:-1], True)
        return self.ends.gather(1, _running(middle_passed[:, :-1]))

    def equal_parts(self, parts: int) -> Tensor:
        """Join the groups into so many parts of equal size, as far as groups allow: their ends, (N, parts + 1).

        Each part takes groups as long as that brings its size strictly nearer to the points left over the parts left,
        and one group at least: it ends at the end nearest to that size, the earlier of two.
        """
        n = self.splits.shape[1] + 1
        places = torch.arange(n + 1, device=self.ends.device)
        left = torch.arange(parts, 1, -1, device=self.ends.device)[:, None]
        # Twice the wanted end; rounded up to a whole number, it compares with the middles between ends as it did.
        twice_wanted = 2 * places - 2 * (places - n) // left
        cuts = [self.ends[:, :1]]
        for wanted in twice_wanted:
            least = self.above.gather(1, cuts[-1])
            cuts.append(torch.maximum(least, self._nearest.gather(1, wanted.take(cuts[-1]))))
        return torch.cat([*cuts, self.ends[:, -1:]], dim=1)

    def at_most(self, limit: int) -> Tensor:
        """Ends of these groups, or of `limit` parts of equal size where they are more: (N, limit + 1), or fewer."""
        number = self.ended[:, -1]
        known = _values_at_hand(number)
        most = int(number.max()) if known else self.splits.shape[1] + 1
        if most <= limit:
            return self.ends[:, : most + 1]
        if not known:  # then all are joined, needed or not
            return torch.where((number <= limit)[:, None], self.ends[:, : limit + 1], self.equal_parts(limit))
        ends, many = self.ends[:, : limit + 1].clone(), (number > limit).nonzero()[:, 0]
        crowded = _Groups(self.splits[many], self.ended[many], self.ends[many])
        ends[many] = crowded.equal_parts(limit)
        return ends


def _running(flags: Tensor) -> Tensor:
    """Number of the first q flags that are set, for q from 0 to n: (N, n) to (N, n + 1)."""
    result = flags.new_zeros((len(flags), flags.shape[1] + 1), dtype=torch.long)
    torch.cumsum(flags, 1, out=result[:, 1:])
    return result


def _clump_splits(row: Tensor, ties: _Groups) -> Tensor:
    """Ends of runs of points in one row, (N, n - 1). Points of equal value in several rows are a run of their own."""
    changes = row[:, 1:] != row[:, :-1]
    within = _running(changes & ~ties.splits)
    mixed = within.gather(1, ties.below[:, :-1]) != within.gather(1, ties.above[:, :-1] - 1)
    return ties.splits & (changes | mixed[:, 1:] | mixed[:, :-1])


class _Gains:
    """Gain of a column that holds m_r points of row r: sum_r m_r log m_r - m log m <= 0, with m = sum_r m_r.

    Looked up in a table: of all (m_1, m_2, ...), as one integer, where that is small, else of the single terms.
    """

    def __init__(self, rows: int, n: int, device: torch.device) -> None:
        self._factors = [(n + 1) ** row for row in range(rows)] if (n + 1) ** rows <= _TABLE else []
        sizes = torch.arange((n + 1) ** rows if self._factors else n + 1, device=device)
        if self._factors:
            held = torch.stack([sizes // factor % (n + 1) for factor in self._factors])
            self._table = _m_log_m(held).sum(0) - _m_log_m(held.sum(0))
        else:
            self._table = _m_log_m(sizes)

    def keys(self, counts: Tensor) -> Tensor:
        """Integers (k, ...), linear in the counts (rows, ...)."""
        counts = counts.int()
        if self._factors:
            scaled = [count * factor for count, factor in zip(counts, self._factors, strict=True)]
            return torch.stack(scaled).sum(0, keepdim=True, dtype=counts.dtype)
        return torch.cat((counts.sum(0, keepdim=True, dtype=counts.dtype), counts))

    def __call__(self, keys: Tensor) -> Tensor:
        """The gains (...) of columns with the keys (k, ...)."""
        terms = self._table.index_select(0, keys.reshape(-1)).view(keys.shape)
        # Not terms.sum(0): its order, and with it the last bit, depends on the shape of the rest.
        return terms[0] if self._factors else reduce(torch.add, terms[1:]) - terms[0]


def _m_log_m(m: Tensor) -> Tensor:
    return torch.xlogy(m.double(), m.double())


def _information(counts: Tensor, gain: _Gains, columns: int, tile: int) -> Tensor:
    """n times the mutual information of rows and the best 2, 3, ... `columns` columns: (columns - 1, N), in nats.

    counts: (rows, clumps + 1, N), how many points of each row are before each place at which a column may end.

    That is the sum of the columns' gains, minus that of one column that holds everything. The best columns up to a
    place are the best of one fewer up to an earlier place, and one column between.
    """
    keys = gain.keys(counts)
    last = counts.shape[1] - 1
    best = torch.zeros(columns - 1, last + 1, counts.shape[2], dtype=torch.float64, device=counts.device)
    best[0] = gain(keys)
    for start in range(1 if columns > 2 else last, last + 1, tile):
        stop = min(start + tile, last + 1)
        # In a tile some columns would end before they start. The absolute differences make such a column cost what
        # its reverse does; no path gains by it, so it needs no exclusion.
        gains = gain((keys[:, None, start:stop] - keys[:, :stop, None]).abs_())
        for layer in range(1, columns - 1):
            torch.amax(best[layer - 1, :stop, None] + gains, 0, out=best[layer, start:stop])
    totals = [*best[1:, last], (best[-1] + gains[:, -1]).amax(0)]
    return torch.stack(totals) - best[0, last]
