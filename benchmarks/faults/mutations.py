"""Random damage to the content of files, as disks, networks, editors and spreadsheets do it, and worse."""

from collections.abc import Callable
from random import Random

_EXTREMES = (0, 1, 2**7, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)


def damage(data: bytes, random: Random) -> bytes:
    """The bytes with one to three faults of any kind."""
    for _ in range(random.randint(1, 3)):
        data = random.choice(_OF_BYTES)(data, random)
    return data


def misspell(text: str, random: Random) -> str:
    """A table or a list of parameters with one to three faults of the kind that people and their programs make."""
    for _ in range(random.randint(1, 3)):
        text = random.choice(_OF_TEXT)(text, random)
    return text


def _position(data: bytes | str, random: Random) -> int:
    """Any position; every second time one of the first 64, where headers are."""
    return random.randrange(max(1, min(len(data), 64) if random.random() < 0.5 else len(data)))


def _flip(data: bytes, random: Random) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 4, 32))):
        changed[_position(data, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, random: Random) -> bytes:
    at, length = _position(data, random), random.choice((1, 4, 16, 512))
    return data[:at] + random.randbytes(len(data[at : at + length])) + data[at + length :]


def _extreme_number(data: bytes, random: Random) -> bytes:
    at, width = _position(data, random), random.choice((2, 4))
    number = random.choice(_EXTREMES) & ((1 << 8 * width) - 1)
    return data[:at] + number.to_bytes(width, random.choice(("big", "little"))) + data[at + width :]


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _remove(data: bytes, random: Random) -> bytes:
    at = _position(data, random)
    return data[:at] + data[at + random.choice((1, 2, 100)) :]


def _insert(data: bytes, random: Random) -> bytes:
    at = _position(data, random)
    return data[:at] + random.randbytes(random.choice((1, 2, 100))) + data[at:]


def _repeat(data: bytes, random: Random) -> bytes:
    at, length = _position(data, random), random.choice((8, 64, 512))
    return data[: at + length] + data[at : at + length] + data[at + length :]


def _append(data: bytes, random: Random) -> bytes:
    return data + random.randbytes(random.choice((1, 100, 10_000)))


def _zero(data: bytes, random: Random) -> bytes:
    at = _position(data, random)
    end = random.randrange(at, len(data) + 1)
    return data[:at] + bytes(end - at) + data[end:]


_OF_BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_flip, _overwrite, _extreme_number, _cut, _remove, _insert, _repeat, _append, _zero),
)


def _word(text: str, random: Random) -> str:
    """Something in the place of a field."""
    fields = ("", "1_000", "nan", "inf", "1e999", "-", "3,75", '"', "\0", "²", "٣", "é", "9" * 5000, "a" * 200_000)
    paths = ("/dev/zero", "..", "../../etc/passwd", "a/" * 3000, "r.png\n", "<b>r.png", "=1+1", "[" * 5000, "{a: " * 50)
    at = _position(text, random)
    end = min((found for found in (text.find(c, at) for c in ",\n :") if found > 0), default=len(text))
    return text[:at] + random.choice(fields + paths) + text[end:]


def _separator(text: str, random: Random) -> str:
    return text.replace(random.choice(",\n:."), random.choice((";", "\t", ",", "\r\n", "\r", "", ": ", " ")), 3)


def _quote(text: str, random: Random) -> str:
    at = _position(text, random)
    return text[:at] + random.choice(('"', "'", "\\", "#", "&a ", "*a", "!!python/name:os.system ")) + text[at:]


def _line_twice(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    line = random.choice(lines)
    return text + line if random.random() < 0.5 else line + text


def _line_lost(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    lines.pop(random.randrange(len(lines)))
    return "".join(lines)


_OF_TEXT: tuple[Callable[[str, Random], str], ...] = (_word, _word, _separator, _quote, _line_twice, _line_lost)
