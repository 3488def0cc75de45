"""Training, validation and test images of autoencoders: disjoint parts of a set, chosen by params.yaml."""

from collections.abc import Mapping, Sequence

from replication.datasets.errors import DataError
from replication.datasets.faces import crops, faces
from replication.datasets.stacks import Stack, split
from replication.datasets.stl10 import stl10
from replication.datasets.yaleb import LitFaces, lit_photos, yaleb

TRAINING, VALIDATION, TEST = PARTS = ("training", "validation", "test")
"""Seen by the optimiser; evaluated during training, to make choices by; evaluated once, at the end."""

LIT_SOURCES = ("yaleb", "lit-photos")
SOURCES = ("faces", "stl10", "crops", *LIT_SOURCES)


def parts(
    source: str,
    *,
    size: int,
    counts: Mapping[str, int],
    folder: str = "",
    crop: int = 0,
    sets: Sequence[str] = (),
    test_sets: Sequence[str] = (),
    validation_sets: Sequence[str] = (),
    stride: int = 0,
    grey: bool = False,
    stands_for: str = "",
    seed: int = 0,
) -> dict[str, Stack]:
    """Disjoint stacks "training", "validation" and "test", (N, 1 or 3, size, size), as many of each as `counts` gives.

    source:
        "faces": of `folder` (CelebA if not given), the first for training, the next for validation, the next for the
            test; `crop` as in `faces.faces`, 0 for the usual one.
        "stl10": drawn from the unlabelled images for training and validation, from the test images for the test.
        "crops": drawn from squares of the photos of `sets` for training, of `validation_sets` for validation (of `sets`
            too if none is given), of `test_sets` for the test, in place of `stands_for`; `stride` of the training
            squares as in `faces.crops`, 0 for the size. Squares that overlap need other photos for validation.
        "yaleb", "lit-photos": `lit_faces`; `counts` of validation alone, the others are for training. No test part:
            predictions from codes are tested, by cross-validation over all images.
    seed: of random draws. Raises DataError naming what is missing, or the counts, where there are too few.
    """
    if source in LIT_SOURCES:
        return _lit_parts(lit_faces(source, size=size, folder=folder, sets=sets).stack, counts, seed)
    if sorted(counts) != sorted(PARTS):
        raise DataError(f"counts must be given for {', '.join(PARTS)}, got {', '.join(counts) or 'none'}")
    if source == "faces":
        stack = faces(folder or "celeba", crop=crop or None, size=size, limit=sum(counts.values()))
        return split(stack, {name: counts[name] for name in PARTS})
    if source == "stl10":
        if size != 96:
            raise DataError(f"the images of STL-10 have 96 x 96 pixels; size must be 96, got {size}")
        seen, unseen = stl10("unlabeled", grey=grey), stl10("test", grey=grey)
    elif source == "crops":
        if isinstance(stride, bool) or not isinstance(stride, int) or stride < 0:
            raise DataError(
                f"stride of training squares must be a positive whole number, or 0 for the size, got {stride!r}"
            )
        photos = {TRAINING: sets, VALIDATION: validation_sets, TEST: test_sets}
        _check_photos(photos, overlap=0 < stride < size)
        steps = {TRAINING: stride or size}
        squares = {
            part: crops(tuple(names), size, stride=steps.get(part), grey=grey, stands_for=stands_for)
            for part, names in photos.items()
            if names or part != VALIDATION
        }
        seen, unseen = squares[TRAINING], squares[TEST]
        if VALIDATION in squares:
            return {part: split(stack, {part: counts[part]}, seed=seed)[part] for part, stack in squares.items()}
    else:
        raise DataError(f"unknown source of images {source!r}; known: {', '.join(SOURCES)}")
    learnt = split(seen, {name: counts[name] for name in (TRAINING, VALIDATION)}, seed=seed)
    return {**learnt, **split(unseen, {TEST: counts[TEST]}, seed=seed)}


def _check_photos(photos: Mapping[str, Sequence[str]], *, overlap: bool) -> None:
    names = [name for part in photos.values() for name in set(part)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{', '.join(twice)}: named for two of training, validation and test; each needs other photos")
    if overlap and not photos[VALIDATION]:
        raise DataError(
            "training squares overlap (stride < size); name validation_sets, photos that are not trained on"
        )


def lit_faces(
    source: str,
    *,
    size: int,
    folder: str = "",
    sets: Sequence[str] = (),
    counts: Mapping[str, int] | None = None,
    seed: int = 0,
) -> LitFaces:
    """Faces with their lights: "yaleb" (in `folder`, or under the data root), or "lit-photos" made from `sets`.

    counts, seed: accepted because `parts` has them; all images are returned whatever their values.
    """
    if source == "yaleb":
        return yaleb(folder or None, size=size)
    if source == "lit-photos":
        return lit_photos(tuple(sets), size=size)
    raise DataError(f"unknown source of faces {source!r}; known: {', '.join(LIT_SOURCES)}")


def _lit_parts(stack: Stack, counts: Mapping[str, int], seed: int) -> dict[str, Stack]:
    if list(counts) != [VALIDATION]:
        raise DataError(f"counts must be given for {VALIDATION} alone, got {', '.join(counts) or 'none'}")
    rest = len(stack) - counts[VALIDATION]
    if rest < 1:
        raise DataError(
            f"{stack.title}: {counts[VALIDATION]} images for validation leave none of {len(stack)} to train on"
        )
    found = split(stack, {VALIDATION: counts[VALIDATION], TRAINING: rest}, seed=seed)
    return {name: found[name] for name in (TRAINING, VALIDATION)}
