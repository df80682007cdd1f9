"""The registry of architectures. To add one: a file with its function, and a line here.

A function takes a Keras tensor of images (n, h, w, c) in 0-255, the number of classes and options of its own, and gives a
tensor of probabilities (n, classes).
"""

from fer_tf.models import transfer, vit
from fer_tf.models.compact import compact
from fer_tf.models.five_layer import five_layer
from fer_tf.models.mobilefacenet import mobilefacenet
from fer_tf.models.mobilenet_pa import mobilenet_pa
from fer_tf.models.plain_cnn import plain_cnn
from fer_tf.models.resnet18 import resnet18
from fer_tf.models.shallow import shallow
from fer_tf.models.squeezenet import squeezenet

FAMILIES = {
    "five_layer": five_layer,
    "compact": compact,
    "plain_cnn": plain_cnn,
    "shallow": shallow,
    "resnet18": resnet18,
    "vgg16": transfer.vgg16,
    "densenet121": transfer.densenet121,
    "efficientnetv2b0": transfer.efficientnetv2b0,
    "inceptionv3": transfer.inceptionv3,
    "resnet50": transfer.resnet50,
    "convnext_tiny": transfer.convnext_tiny,
    "convnext_atto": transfer.convnext_atto,
    "vit_b16": vit.vit_b16,
    "vit_b32": vit.vit_b32,
    "mobilenet_pa": mobilenet_pa,
    "mobilefacenet": mobilefacenet,
    "squeezenet": squeezenet,
}
"""Name -> function that lays out the network."""
