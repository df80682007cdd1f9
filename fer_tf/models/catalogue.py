"""Published weights that are no part of Keras Applications: where each lies, its license, and how it is loaded.

To add one: a line here. A file is downloaded once, into $KERAS_HOME/models, or given by its path.
"""

from collections.abc import Callable
from typing import NamedTuple

from fer_tf.models import mobilefacenet, mobilenet_pa, resnet18, squeezenet, vit


class Published(NamedTuple):
    """Published weights of one architecture.

    Attributes:
        name: what `models.build(weights=...)` calls them.
        load: function (model, path) that gives the model's layers their weights and returns a list of those layers.
        address: of the file.
        sha256: of the file, or None where it is not known.
        license: as their publisher names it.
        learned_from: images that they were trained on.
    """

    name: str
    load: Callable
    address: str
    sha256: str | None
    license: str
    learned_from: str


_AUGREG = "https://storage.googleapis.com/vit_models/augreg/"
_IMAGENET_21K = "ImageNet-21k, then ImageNet at 224 pixels (Steiner et al. 2022)"

CATALOGUE = {
    "vit_b16": Published(
        "imagenet",
        vit.load_published_weights,
        f"{_AUGREG}B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0--imagenet2012-steps_20k-lr_0.01-res_224.npz",
        None,
        "Apache-2.0",
        _IMAGENET_21K,
    ),
    "vit_b32": Published(
        "imagenet",
        vit.load_published_weights,
        f"{_AUGREG}B_32-i21k-300ep-lr_0.001-aug_medium1-wd_0.03-do_0.0-sd_0.0--imagenet2012-steps_20k-lr_0.03-res_224.npz",
        None,
        "Apache-2.0",
        _IMAGENET_21K,
    ),
    "resnet18": Published(
        "imagenet",
        resnet18.load_torchvision_weights,
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        "BSD-3-Clause",
        "ImageNet",
    ),
    "squeezenet": Published(
        "imagenet",
        squeezenet.load_published_weights,
        "https://github.com/DeepCognition/keras-squeezenet/raw/a73d4339aa4d37c51a0b3ba044bed55477abec73/"
        "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "17154246284f555591549ac2c83e127abfbf4307dc4b0060fdaa2931d0fa38da",
        "MIT",
        "ImageNet",
    ),
    "mobilefacenet": Published(
        "faces",
        mobilefacenet.load_published_weights,
        "https://github.com/foamliu/MobileFaceNet/raw/a6cc9032a659b615f477833e1a70b5e7931bcccc/weights/mobilefacenet.pt",
        "90a00ba1d8b0b688af3deb731ed53dca582e6106805d1bc3cfdef55f570493f4",
        "Apache-2.0",
        "identities of the refined MS-Celeb-1M, which its makers withdrew because the people in it had not been asked",
    ),
    "mobilenet_pa": Published(
        "imagenet_int8",
        mobilenet_pa.load_quantized_weights,
        "https://github.com/google-coral/test_data/raw/104342d2d3480b3e66203073dac24f4e2dbb4c41/"
        "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite",
        "f409ef4f73fcbb9667841965623c5c8524aac33d41b9bf5f3667161fb4a76319",
        "Apache-2.0",
        "ImageNet, then quantized to 8 bits; without a Keras file of its own, which imagenet downloads",
    ),
}
"""Architecture -> its published weights."""
