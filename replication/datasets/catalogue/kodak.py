"""The 24 Kodak photos, from which TID2013's references are cut and a part of LIVE's are taken."""

from replication.datasets.entries import ImageFolder

SETS = [
    ImageFolder(
        name="kodak",
        title="Kodak",
        folder="kodak",
        source="Kodak Lossless True Color Image Suite, https://r0k.us/graphics/kodak/",
        licence="released by Kodak for unrestricted use",
        download="https://r0k.us/graphics/kodak/kodak/",
    )
]
