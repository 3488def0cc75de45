"""Reading image files: what is converted without loss, and what is refused in words."""

import hashlib
import io
import os
import pickle
import struct
import threading
import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, picture
from PIL import Image, ImageFile

from replication.datasets import DataError, ImageError, read_image
from replication.datasets.sets import ImageFile as File

images = import_module("replication.datasets.images")  # the package has a function of that name


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    """A PNG put together by hand, for kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_lossless_formats_give_the_stored_pixels(tmp_path: Path, form: str, mode: str) -> None:
    image = picture(1, mode)
    (tmp_path / "image").write_bytes(encoded(image, form))
    expected = np.asarray(image) if mode == "RGB" else np.stack([np.asarray(image)] * 3, axis=-1)
    pixels = read_image(tmp_path / "image")
    assert pixels.dtype == np.uint8
    assert pixels.shape == (7, 9, 3)
    np.testing.assert_array_equal(pixels, expected)


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path: Path) -> None:
    data = encoded(picture(1, size=(32, 24)), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), np.asarray(Image.open(tmp_path / "a.jpg")))


def test_palette_becomes_the_colours_it_stands_for(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], dtype=np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 1, 2, 3])
    image.save(tmp_path / "a.png")
    expected = [[[255, 0, 0], [0, 255, 0]], [[1, 2, 3], [0, 255, 0]]]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_bilevel_becomes_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", "L"), [[255, 0]])


def test_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    for mode, file in (("RGB", "colour.png"), ("L", "grey.png")):
        image = picture(2, mode)
        image.putalpha(255)
        image.save(tmp_path / file)
    np.testing.assert_array_equal(read_image(tmp_path / "colour.png"), np.asarray(picture(2)))
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png", "L"), np.asarray(picture(2, "L")))


def test_grey_mode_takes_grey_and_colour_with_equal_channels_only(tmp_path: Path) -> None:
    grey = picture(3, "L")
    grey.save(tmp_path / "grey.png")
    grey.convert("RGB").save(tmp_path / "equal.png")
    picture(3).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png", "L"), np.asarray(grey))
    np.testing.assert_array_equal(read_image(tmp_path / "equal.png", "L"), np.asarray(grey))
    with pytest.raises(ImageError, match=r"colour\.png: is a colour image"):
        read_image(tmp_path / "colour.png", "L")


def test_stored_mode_keeps_grey_files_grey_and_colour_files_coloured(tmp_path: Path) -> None:
    grey = picture(3, "L")
    grey.save(tmp_path / "grey.png")
    grey.convert("RGB").save(tmp_path / "equal.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png", "stored"), np.asarray(grey))
    assert read_image(tmp_path / "equal.png", "stored").shape == (7, 9, 3)


def test_pixels_may_be_written_to(tmp_path: Path) -> None:
    picture(3).save(tmp_path / "a.png")
    for mode in ("RGB", "stored"):
        read_image(tmp_path / "a.png", mode)[0, 0] = 0  # torch.from_numpy wants this too


def test_unknown_mode_is_named() -> None:
    with pytest.raises(ValueError, match="'YCbCr'"):
        read_image("any.png", "YCbCr")


def transparent_pixel() -> bytes:
    image = picture(4)
    image.putalpha(255)
    image.putpixel((3, 3), (1, 2, 3, 254))
    return encoded(image)


def transparent_palette() -> bytes:
    image = picture(4).quantize(8)
    image.info["transparency"] = 0
    return encoded(image)


def colour_key() -> bytes:
    image = Image.new("RGB", (4, 4), (9, 9, 9))
    image.info["transparency"] = (9, 9, 9)
    return encoded(image)


def two_frames() -> bytes:
    file = io.BytesIO()
    picture(1).save(file, "TIFF", save_all=True, append_images=[picture(2)])
    return file.getvalue()


SIXTEEN = np.arange(2 * 3 * 4, dtype=">u2").tobytes()

REFUSED = {
    "transparent pixel": (transparent_pixel(), "transparent pixels"),
    "transparent palette": (transparent_palette(), "transparent pixels"),
    "transparent colour": (colour_key(), "transparent pixels"),
    "16-bit grey PNG": (encoded(Image.fromarray(np.full((4, 4), 700, dtype=np.uint16))), "16 bits"),
    # Pillow reads these three as 8 bits and says nothing.
    "16-bit RGB PNG": (png(1, 4, 16, 2, b"".join(b"\0" + SIXTEEN[i * 6 : i * 6 + 6] for i in range(4))), "16 bits"),
    "16-bit grey and alpha PNG": (png(1, 2, 16, 4, 2 * b"\0\1\2\xff\xff"), "16 bits"),
    "16-bit PPM": (b"P6\n2 2\n65535\n" + bytes(24), "16 bits"),
    "10-bit PPM": (b"P6\n2 2\n1023\n" + bytes(24), "16 bits"),
    "16-bit PGM": (b"P5\n2 2\n65535\n" + bytes(8), "16 bits"),
    "float TIFF": (encoded(Image.new("F", (4, 4)), "TIFF"), "mode F"),
    "CMYK JPEG": (encoded(Image.new("CMYK", (8, 8)), "JPEG"), "mode CMYK"),
    "Lab TIFF": (encoded(Image.new("LAB", (8, 8)), "TIFF"), "mode LAB"),
    "several frames": (two_frames(), "several frames"),
    "text": (b"404 Not Found", "not a readable"),
    "other format": (encoded(picture(1), "GIF"), "not a readable"),
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_converted_without_loss_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    content, words = REFUSED[kind]
    path = tmp_path / "some image.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=words) as caught:
        read_image(path)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "PPM"])
@pytest.mark.parametrize("lost", [1, 12, 20, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("filler", [False, True], ids=["", "LOAD_TRUNCATED_IMAGES"])
def test_truncated_files_are_errors_wherever_they_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, lost: float, filler: bool
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", filler)
    whole = encoded(picture(5, size=(64, 48)), form)
    (tmp_path / "a").write_bytes(whole[: -int(lost if lost >= 1 else lost * len(whole))])
    with pytest.raises(ImageError, match=r"truncated|not a readable"):
        read_image(tmp_path / "a")
    assert filler is ImageFile.LOAD_TRUNCATED_IMAGES


def tagged(form: str, tag: int, **options: object) -> bytes:
    """Picture 6 with an orientation tag."""
    exif = Image.Exif()
    exif[274] = tag
    file = io.BytesIO()
    picture(6, size=(32, 24)).save(file, form, exif=exif, **options)
    return file.getvalue()


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize(("form", "compression"), [("PNG", ""), ("TIFF", "raw"), ("TIFF", "tiff_lzw")])
def test_orientation_tags_are_ignored_in_every_format(tmp_path: Path, form: str, compression: str, tag: int) -> None:
    (tmp_path / "a").write_bytes(tagged(form, tag, **({"compression": compression} if compression else {})))
    assert Image.open(tmp_path / "a").getexif()[274] == tag
    np.testing.assert_array_equal(read_image(tmp_path / "a"), np.asarray(picture(6, size=(32, 24))))


def test_the_orientation_tag_of_a_jpeg_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "plain.jpg").write_bytes(tagged("JPEG", 1))
    (tmp_path / "turned.jpg").write_bytes(tagged("JPEG", 6))
    np.testing.assert_array_equal(read_image(tmp_path / "turned.jpg"), read_image(tmp_path / "plain.jpg"))


def test_the_orientation_in_the_xmp_data_of_a_tiff_is_ignored(tmp_path: Path) -> None:
    image = picture(6, size=(32, 24))
    image.save(tmp_path / "a.tif", tiffinfo={700: b'<x:xmpmeta><rdf tiff:Orientation="3"/></x:xmpmeta>'})
    assert not (np.asarray(Image.open(tmp_path / "a.tif")) == np.asarray(image)).all()  # Pillow turns it
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), np.asarray(image))


def chunks(data: bytes) -> dict[bytes, int]:
    """Where the contents of a PNG's parts begin."""
    found, at = {}, 8
    while at < len(data):
        found[data[at + 4 : at + 8]] = at + 8
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return found


@pytest.mark.parametrize("part", [b"IHDR", b"gAMA", b"tEXt", b"PLTE", b"IDAT"])
def test_every_checksum_of_a_png_is_verified(tmp_path: Path, part: bytes) -> None:
    whole = encoded(picture(5, size=(64, 48)).quantize(16))
    extra = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tEXt", b"Title\0a photo")
    data = bytearray(whole[:33] + extra + whole[33:])  # after IHDR
    (tmp_path / "a.png").write_bytes(data)
    read_image(tmp_path / "a.png")
    data[chunks(bytes(data))[part]] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageError, match=f"the file is damaged .the checksum of its part {part.decode()} is wrong"):
        read_image(tmp_path / "a.png")


def test_what_follows_the_end_of_a_png_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(picture(5)) + b"appended")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.asarray(picture(5)))


def test_whatever_a_decoder_raises_is_an_image_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = b"II*\0\x08\0\0\0"
    (tmp_path / "no size.tif").write_bytes(header + b"\1\0" + struct.pack("<HHII", 254, 4, 1, 0) + bytes(4))
    with pytest.raises(ImageError, match=r"no size\.tif: (the file is truncated or damaged|not a readable)"):
        read_image(tmp_path / "no size.tif")
    (tmp_path / "a.bmp").write_bytes(encoded(picture(1), "BMP"))
    for error, words in ((ZeroDivisionError(), "damaged .ZeroDivisionError"), (MemoryError(), "not enough memory")):

        def failing(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(ImageFile.ImageFile, "load", failing)
        with pytest.raises(ImageError, match=words):
            read_image(tmp_path / "a.bmp")


def test_an_image_above_the_limit_of_pixels_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = 13_000
    row = bytes((side + 7) // 8 + 1)
    (tmp_path / "bomb.png").write_bytes(png(side, side, 1, 0, row * side))
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
        with pytest.raises(
            ImageError, match=r"has 169\.0 megapixels \(13000 x 13000\), more than the limit of 150; set "
        ):
            read_image(tmp_path / "bomb.png")
    picture(1).save(tmp_path / "small.png")  # 63 pixels
    monkeypatch.setenv(images.LIMIT_VARIABLE, "0.00006")
    with pytest.raises(ImageError, match=r"more than the limit of 6e-05; set REPLICATION_MAX_MEGAPIXELS higher"):
        read_image(tmp_path / "small.png")
    monkeypatch.setenv(images.LIMIT_VARIABLE, "0.000063")
    assert read_image(tmp_path / "small.png").shape == (7, 9, 3)
    for wrong in ("many", "-1", "nan"):
        monkeypatch.setenv(images.LIMIT_VARIABLE, wrong)
        with pytest.raises(
            DataError, match=f"REPLICATION_MAX_MEGAPIXELS must be a number of megapixels, got '{wrong}'"
        ):
            read_image(tmp_path / "small.png")


def test_the_limit_is_ours_and_not_that_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(1).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read_image(tmp_path / "a.png").shape == (7, 9, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_file_too_large_for_any_image_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "huge.bmp", "wb") as file:
        file.truncate(10**11)  # sparse
    with pytest.raises(ImageError, match=r"huge\.bmp: is a file of 100\.0 GB, more than the 2\.4 GB"):
        read_image(tmp_path / "huge.bmp")


@pytest.mark.parametrize("kind", ["fifo", "link to a fifo", "link to a device"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    path = tmp_path / "a.png"
    if kind == "fifo":
        path = tmp_path / "fifo"
    else:
        path.symlink_to(tmp_path / "fifo" if kind == "link to a fifo" else "/dev/zero")
    said: list[str] = []

    def read() -> None:
        for action in (File(path).read, File(path).read_hashed, File(path).digest):
            try:
                action()
            except OSError as error:
                said.append(error.strerror or "")
            except ImageError as error:
                said.append(error.reason)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(10)
    assert said == ["cannot be read (is not a regular file)"] * 2 + ["is not a regular file"]


def test_links_to_regular_files_are_followed(tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), np.asarray(picture(1)))


def test_the_hash_is_that_of_the_bytes_that_were_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = File(tmp_path / "a.png")
    first, second = encoded(picture(1)), encoded(picture(2))
    file.path.write_bytes(first)
    decode = images._pixels

    def swapped(path: Path, data: bytes, mode: str) -> np.ndarray:
        path.write_bytes(second)
        return decode(path, data, mode)

    monkeypatch.setattr(images, "_pixels", swapped)
    pixels, digest = file.read_hashed()
    np.testing.assert_array_equal(pixels, np.asarray(picture(1)))
    assert digest == hashlib.md5(first).hexdigest() != file.digest()
    file.path.write_bytes(b"damaged")
    with pytest.raises(ImageError) as caught:
        file.read_hashed()
    assert caught.value.digest == hashlib.md5(b"damaged").hexdigest()


def test_damaged_png_data_is_an_error(tmp_path: Path) -> None:
    data = bytearray(encoded(picture(5, size=(64, 48))))
    data[len(data) // 2] ^= 255
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageError, match="damaged"):
        read_image(tmp_path / "a.png")


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nothing\.png: no such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path)


def test_errors_survive_the_way_back_from_a_worker_process(tmp_path: Path) -> None:
    error = pickle.loads(pickle.dumps(ImageError(tmp_path / "a.png", "is odd")))
    assert str(error) == f"{tmp_path / 'a.png'}: is odd"
