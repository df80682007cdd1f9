"""Classifiers without a network: features of images, and support vector machines, forests and boosted trees on them."""
