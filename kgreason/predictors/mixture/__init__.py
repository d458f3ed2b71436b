"""Several link predictors pooled into one."""
