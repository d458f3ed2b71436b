"""Graph neural networks as link predictors."""
