"""CSIQ: csiq.DMOS.xlsx, src_imgs/1600.png, dst_imgs/awgn/1600.AWGN.1.png."""

from replication.absent import Absent
from replication.datasets.entries import Opinion, Rated
from replication.datasets.errors import AbsentDataError, DataError
from replication.datasets.iqa.listing import Row, Tree, number

# dst_type in the workbook -> folder and part of the file name (lower case), and the distortion in words
DISTORTIONS = {
    "noise": ("awgn", "additive white Gaussian noise"),
    "blur": ("blur", "Gaussian blur"),
    "contrast": ("contrast", "global contrast decrements"),
    "fnoise": ("fnoise", "additive pink Gaussian noise"),
    "jpeg": ("jpeg", "JPEG compression"),
    "jpeg2000": ("jpeg2000", "JPEG 2000 compression"),
}
_COLUMNS = ("image", "dst_type", "dst_lev", "dmos")


def read(tree: Tree) -> list[Row]:
    """The rows of the sheet all_by_image, in its order; the table starts below a line with its columns' names."""
    import zipfile

    try:
        from openpyxl import load_workbook
    except ImportError:
        how = "CSIQ's opinions are in a workbook: pip install openpyxl"
        raise AbsentDataError(Absent("package", "openpyxl", "not installed", how)) from None

    path = tree.need("csiq.DMOS.xlsx")
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheet = book["all_by_image"] if "all_by_image" in book.sheetnames else book.worksheets[0]
        lines = [list(line) for line in sheet.iter_rows(values_only=True)]
        book.close()
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is damaged ({' '.join(str(error).split())}); get it again") from error
    heads = [i for i, line in enumerate(lines) if set(_COLUMNS) <= {str(cell).strip().lower() for cell in line}]
    if not heads:
        raise DataError(f"{path} has no table with the columns {', '.join(_COLUMNS)}; get it again")
    titles = [str(cell).strip().lower() for cell in lines[heads[0]]]
    columns = [titles.index(name) for name in _COLUMNS]
    rows = []
    for line_number, line in enumerate(lines[heads[0] + 1 :], heads[0] + 2):
        image, kind, level, opinion = (line[column] if column < len(line) else None for column in columns)
        if image is None and opinion is None:
            continue
        where = f"{path.name} row {line_number}"
        text = str(int(image) if isinstance(image, float) else image)  # 1600 is a number in the workbook
        name = text.strip().lower()
        known = str(kind).strip().lower().replace(" ", "")
        if known not in DISTORTIONS:
            raise DataError(f"{where}: unknown distortion {kind!r}; known: {', '.join(DISTORTIONS)}")
        rows.append(row(name, DISTORTIONS[known][0], int(number(level, where, "level")), number(opinion, where)))
    return rows


def row(image: str, folder: str, level: int, opinion: float) -> Row:
    """The row of dst_imgs/<folder>/<image>.<folder>.<level>.png."""
    reference, distorted = f"{image}.png", f"{image}.{folder}.{level}.png"
    words = next(words for at, words in DISTORTIONS.values() if at == folder)
    at = (f"dst_imgs/{folder}/{distorted}",)
    return Row(reference, distorted, opinion, words, level, (f"src_imgs/{reference}",), at)


SETS = [
    Rated(
        name="csiq",
        title="CSIQ",
        folder="csiq",
        marker="csiq.dmos.xlsx",
        source="Categorical Subjective Image Quality database (Larson and Chandler 2010), "
        "https://s2.smu.edu/~eclarson/csiq.html: src_imgs.zip, dst_imgs.zip, csiq.DMOS.xlsx",
        licence="none stated; used for research",
        opinion=Opinion("DMOS", 0, 1, higher_is_better=False),
        read=read,
        images=866,
        references=30,
        precision=(3, 1),
    )
]
