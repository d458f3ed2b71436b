"""Published methods as settings of the engine, and message passing as a second executor."""
