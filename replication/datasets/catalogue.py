"""The image sets and the weights the project knows: one entry each, nothing else.

To add a set: one entry in `FOLDERS`, and the list of its files in manifests/<name>.csv, which
`replication.datasets.manifests.write("<name>")` makes from the folder under the data root.
"""

from dataclasses import dataclass

from replication.datasets.errors import DataError


@dataclass(frozen=True)
class Folder:
    """An image set in its ordinary layout: the images in `folder` under the data root, its files in the manifest.

    download: for sets that may be downloaded freely, the URL of an archive that holds the set; or, if it ends in "/",
    of the host's folder that holds files named as in the manifest. Either way every file is checked against that.
    """

    name: str  # on the command line and in params.yaml
    title: str  # in tables
    folder: str
    source: str  # one sentence: what it is and where to get it
    licence: str
    download: str | None = None


@dataclass(frozen=True)
class Weights:
    """A file under the data root's weights/: what it is for, and where to get it."""

    file: str
    network: str
    purpose: str
    source: str
    licence: str


_SRCNN = "http://mmlab.ie.cuhk.edu.hk/projects/SRCNN/"  # page: http://mmlab.ie.cuhk.edu.hk/projects/SRCNN.html
_UNSTATED = "none stated; used for research"
_BERKELEY = "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz"


def _bsds500(part: str, title: str) -> Folder:
    source = f"images/{part} of the Berkeley Segmentation Data Set 500 (Arbelaez et al. 2011), {_BERKELEY}"
    return Folder(
        f"bsds500-{part}", title, f"bsds500/{part}", source, "non-commercial research and education", _BERKELEY
    )


FOLDERS = {
    entry.name: entry
    for entry in (
        Folder(
            "set5",
            "Set5",
            "set5",
            f"Bevilacqua et al. 2012, as handed on with SRCNN's test code, {_SRCNN}SRCNN_v1.zip",
            _UNSTATED,
        ),
        Folder(
            "set14",
            "Set14",
            "set14",
            f"Zeyde et al. 2010, as handed on with SRCNN's test code, {_SRCNN}SRCNN_v1.zip",
            _UNSTATED,
        ),
        Folder(
            "t91",
            "T91",
            "t91",
            f"Yang et al. 2010, as handed on with SRCNN's training code, {_SRCNN}SRCNN_train.zip",
            _UNSTATED,
        ),
        _bsds500("train", "BSDS500 train"),
        _bsds500("val", "BSDS500 val"),
        _bsds500("test", "BSD200"),
        Folder(
            "kodak",
            "Kodak",
            "kodak",
            "Kodak Lossless True Color Image Suite, https://r0k.us/graphics/kodak/",
            "released by Kodak for unrestricted use",
            "https://r0k.us/graphics/kodak/kodak/",
        ),
    )
}

_TORCHVISION = "https://download.pytorch.org/models/"
_IMAGENET = "BSD-3-Clause (torchvision); trained on ImageNet, whose images are for non-commercial research"
_OXFORD = "CC BY 4.0 (Oxford VGG)"
_TORCHMETRICS = "inside the Python package torchmetrics: functional/image/"

WEIGHTS = (
    Weights(
        "vgg16-397923af.pth",
        "VGG16",
        "DeepSSIM, MSDS, DISTS, DeepWSD, LPIPS (VGG), SMIC, PE",
        f"{_TORCHVISION}vgg16-397923af.pth",
        _IMAGENET,
    ),
    Weights(
        "alexnet-owt-7be5be79.pth",
        "AlexNet",
        "LPIPS (AlexNet), PE",
        f"{_TORCHVISION}alexnet-owt-7be5be79.pth",
        _IMAGENET,
    ),
    Weights(
        "squeezenet1_1.safetensors",
        "SqueezeNet 1.1, features only",
        "LPIPS (SqueezeNet)",
        f"converted from {_TORCHVISION}squeezenet1_1-b8a52dc0.pth",
        _IMAGENET,
    ),
    Weights(
        "squeezenet1_0.safetensors",
        "SqueezeNet 1.0 (Caffe, compressed to 8 bits)",
        "PE",
        f"a converted copy; torchvision's own: {_TORCHVISION}squeezenet1_0-b66bff10.pth",
        "BSD-2-Clause",
    ),
    Weights(
        "shufflenet_v2_x1_0.safetensors",
        "ShuffleNetV2 x1.0 (compressed to 8 bits)",
        "PE",
        f"a converted copy; torchvision's own: {_TORCHVISION}shufflenetv2_x1-5666bf0f80.pth",
        "BSD, MIT or Apache-2.0, as the release it was converted from",
    ),
    Weights(
        "googlenet_bvlc.safetensors",
        "GoogLeNet (BVLC)",
        "PE",
        "converted from bvlc_googlenet of Caffe's model zoo, http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
        "released for unrestricted use",
    ),
    Weights(
        "vgg16_conv2_2.safetensors",
        "VGG16 up to conv2_2 (Oxford)",
        "the first stages alone, without the whole network",
        "a part of VGG_ILSVRC_16_layers, https://www.robots.ox.ac.uk/~vgg/research/very_deep/",
        _OXFORD,
    ),
    Weights(
        "vgg19_conv3_1.safetensors",
        "VGG19 up to conv3_1 (Oxford, rescaled)",
        "the first stages alone, without the whole network",
        "a part of VGG_ILSVRC_19_layers, https://www.robots.ox.ac.uk/~vgg/research/very_deep/",
        _OXFORD,
    ),
    *(
        Weights(
            f"lpips_v0.1_{file}.pth",
            f"trained heads of LPIPS 0.1 on {network}",
            f"LPIPS ({network})",
            f"{_TORCHMETRICS}lpips_models/{file}.pth",
            "BSD-2-Clause",
        )
        for file, network in (("alex", "AlexNet"), ("squeeze", "SqueezeNet"), ("vgg", "VGG"))
    ),
    Weights("dists.pt", "trained alpha and beta of DISTS", "DISTS", f"{_TORCHMETRICS}dists_models/weights.pt", "MIT"),
)


def select(name: str) -> list[Folder]:
    """The sets meant by a name on the command line: one set, or all parts of one ("bsds500")."""
    chosen = [entry for entry in FOLDERS.values() if entry.name == name or entry.name.startswith(f"{name}-")]
    if not chosen:
        raise DataError(f"unknown set {name!r}; known: {', '.join(FOLDERS)}, and bsds500 for its three parts")
    return chosen
