"""What the commands share: options, sessions, output, errors."""
