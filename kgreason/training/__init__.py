"""Training: from a knowledge graph to a checkpoint."""

from kgreason.training.train import TrainingResult, train

__all__ = ["TrainingResult", "train"]
