"""Random projections against the plain torch calls in the authors' order."""

import pytest
import torch
from torch import nn

from replication.metrics.projections import even_channels, project, random_projections


def test_released_projections_use_the_random_numbers_in_the_authors_order() -> None:
    with torch.random.fork_rng(devices=[]):
        first = nn.Conv2d(256, 32, 1, bias=False)
        torch.manual_seed(-3566)
        nn.init.xavier_uniform_(first.weight, gain=1.0)
        second = nn.Conv2d(512, 32, 1, bias=False)
        nn.init.xavier_uniform_(second.weight, gain=1.0)
    expected = [layer.weight.detach()[:, :, 0, 0] for layer in (first, second)]
    state = torch.get_rng_state()
    drawn = random_projections((256, 512))
    assert torch.equal(torch.get_rng_state(), state)
    assert [torch.equal(a, b) for a, b in zip(drawn, expected, strict=True)] == [True, True]
    alone = random_projections((512,))[0]  # the order matters
    assert not torch.equal(alone, drawn[1])
    assert torch.equal(random_projections((512, 512))[0], alone)


def test_paper_projections_are_directions_all_over_the_sphere() -> None:
    many, other = random_projections((16, 20), 4000, law="paper", seed=5)
    torch.testing.assert_close(torch.linalg.vector_norm(many, dim=1), torch.ones(4000))
    # Of uniform directions the mean is 0 and the second moments 1 / 16; tolerances are five deviations.
    assert many.mean(dim=0).abs().max() < 5 * (1 / 16 / 4000) ** 0.5
    assert (many.T @ many / 4000 - torch.eye(16) / 16).abs().max() < 5 * (2 / 16 / 18 / 4000) ** 0.5
    assert other.shape == (4000, 20)
    assert not torch.equal(random_projections((16,), 4000, law="paper", seed=6)[0], many)
    assert torch.equal(random_projections((16,), 4000, law="paper", seed=5)[0], many)


def test_projecting_is_a_convolution_of_one_pixel() -> None:
    maps = torch.randn(2, 24, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (matrix,) = random_projections((24,), 7)
    expected = torch.nn.functional.conv2d(maps, matrix.double()[:, :, None, None])
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.testing.assert_close(project(maps.contiguous(memory_format=layout), matrix), expected)
    assert project(maps, None).data_ptr() == maps.data_ptr()


def test_autocast_leaves_the_precision_and_no_gradient_comes_back() -> None:
    maps = torch.rand(1, 24, 5, 6, requires_grad=True)
    (matrix,) = random_projections((24,), 7)
    expected = project(maps, matrix)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(project(maps, matrix), expected)
    assert not expected.requires_grad


def test_even_channels_are_picked_from_the_middle_of_equal_parts() -> None:
    maps = torch.arange(12.0)[None, :, None, None].expand(1, 12, 3, 3)
    for count, picked in {1: [6], 2: [3, 9], 3: [2, 6, 10], 12: list(range(12))}.items():
        assert project(maps, even_channels(12, count))[0, :, 0, 0].tolist() == picked
    assert even_channels(12, None) is None


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="law must be one of released, paper, got 'gauss'"):
        random_projections((3,), law="gauss")  # type: ignore[arg-type]
    for channels, count in [((), 3), ((0,), 3), ((3,), 0)]:
        with pytest.raises(ValueError, match="projections and channels must be positive"):
            random_projections(channels, count)
    with pytest.raises(ValueError, match=r"projections must be a matrix of shape \(K, 4\), got shape \(2, 3\)"):
        project(torch.rand(1, 4, 2, 2), torch.rand(2, 3))
    for count in (0, 5):
        with pytest.raises(ValueError, match=f"channels must be between 1 and 4, those of the map, got {count}"):
            even_channels(4, count)
