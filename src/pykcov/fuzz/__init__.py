"""Coverage-guided fuzzing: libFuzzer, driven by what pykcov records."""
