"""Predictors made of a model's scores: calibration, upper bounds, streaming of rows."""
