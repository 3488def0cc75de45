"""Scenes that references of different data sets share: LIVE and TID2013 took most of theirs from the Kodak photos."""

from replication.datasets.catalogue import RATED

_OF_LIVE = {
    "bikes": 5,
    "buildings": 8,
    "caps": 3,
    "house": 22,
    "lighthouse": 19,
    "lighthouse2": 21,
    "ocean": 16,
    "paintedhouse": 24,
    "parrots": 23,
    "plane": 20,
    "rapids": 14,
    "sailing1": 6,
    "sailing2": 9,
    "sailing3": 10,
    "sailing4": 11,
    "statue": 17,
    "stream": 13,
    "woman": 18,
    "womanhat": 4,
}
_OF_TID = {f"i{number:02}": number for number in range(1, 25)}
_KODAK = {"live": _OF_LIVE, "tid2008": _OF_TID, "tid2013": _OF_TID}


def scene(data_set: str, reference: str) -> str:
    """The scene that a reference shows: "kodim05" for LIVE's bikes.bmp and TID2013's i05.bmp; else its set and name.

    data_set: name in the catalogue, of a set or a part of one. Whole photos and crops of them are one scene.
    """
    entry = RATED.get(data_set)
    whole = (entry.part_of if entry is not None else None) or data_set
    number = _KODAK.get(whole, {}).get(reference.rpartition(".")[0].lower())
    return f"{data_set}/{reference}" if number is None else f"kodim{number:02}"
