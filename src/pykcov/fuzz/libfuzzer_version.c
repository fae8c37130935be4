/*
 * libfuzzer_version.c: which libFuzzer is linked to it in _libfuzzer. setup.py says so.
 */
extern const char pykcov_libfuzzer_version[] __attribute__((visibility("default")));

const char pykcov_libfuzzer_version[] = PYKCOV_LIBFUZZER_VERSION;
